"""`solquote kill` and `solquote release`: stop trading, and let it go on, through the system manager."""

import enum
import json
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from pipeline.system_manager.settings import SystemManagerSettings
from quote_core.settings import PlatformSettings
from solquote.commands.options import DataDir, Json, Timeout, found_environment
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed, answer_json, make_console, with_status

__all__ = ["kill", "release"]

_ANSWER_BYTES_MAX: Final = 65_536
_TOKEN_CHARS_MAX: Final = 4_096

Reason = Annotated[str | None, typer.Option(help="Why; kept with the state and in the audit trail", metavar="TEXT")]


class StopState(enum.StrEnum):
    """How far trading is to stop."""

    HALTED = "halted"
    REDUCING = "reducing"


def kill(
    *,
    reason: Reason = None,
    state: Annotated[
        StopState, typer.Option(help="halted: nothing more; reducing: what is in flight goes on")
    ] = StopState.HALTED,
    timeout: Timeout = 5.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Stop all trading now; it stays stopped, across restarts too, until `release`."""
    body = {"state": state.value.upper()} | ({"reason": reason} if reason else {})
    _show(_post("enable", body, data_dir=data_dir, timeout_s=timeout), as_json=as_json)


def release(*, reason: Reason = None, timeout: Timeout = 5.0, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Let trading go on."""
    body = {"reason": reason} if reason else {}
    _show(_post("disable", body, data_dir=data_dir, timeout_s=timeout), as_json=as_json)


def _post(action: str, body: dict[str, str], *, data_dir: Path | None, timeout_s: float) -> dict[str, Any]:
    """Ask the system manager; its answer means that the state is latched."""
    environ = found_environment(data_dir)
    platform, manager = PlatformSettings.load(environ=environ), SystemManagerSettings.load(environ=environ)
    token = _token(manager.token_path(platform))
    where = f"the system manager at {platform.host}:{manager.http_port}"
    connection = HTTPConnection(platform.host, manager.http_port, timeout=timeout_s)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", f"/api/killswitch/{action}", json.dumps(body), headers)
        with connection.getresponse() as response:
            status, answer = response.status, json.loads(response.read(_ANSWER_BYTES_MAX))
    except TimeoutError:
        raise with_status("DEADLINE_EXCEEDED", f"{where} did not answer within {timeout_s:g} s") from None
    except OSError as error:
        sentence = f"{where} cannot be reached; trading services stop by themselves 3 s after it is gone"
        raise with_status("UNAVAILABLE", sentence) from error
    except (HTTPException, ValueError) as error:
        raise with_status("DATA_LOSS", f"{where} answers with something else than JSON") from error
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise with_status("DATA_LOSS", f"{where} answers with something else than an object")
    if "error" in answer:
        raise _refusal(answer["error"], status)
    return answer


def _refusal(error: dict[str, str], status: int) -> CommandFailed:
    code, message = error.get("code", "UNKNOWN"), error.get("message", f"HTTP {status}")
    if code == "UNAUTHENTICATED":
        return CommandFailed(code, f"the system manager refuses the token: {message}", ExitCode.BAD_INPUT)
    return with_status(code, message)


def _token(path: Path) -> str:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            return file.read(_TOKEN_CHARS_MAX).strip()
    except FileNotFoundError:
        sentence = f"there is no kill-switch token at {path}; the system manager makes it when it first starts"
        raise with_status("UNAVAILABLE", sentence) from None
    except OSError as error:
        raise CommandFailed("PERMISSION_DENIED", f"{path}: {error.strerror}", ExitCode.BAD_INPUT) from error


def _show(switch: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        answer_json(switch)
        return
    changed = datetime.fromtimestamp(switch["changed_unix_ns"] / 1e9, tz=UTC)
    sentence = f"trading is {switch['state']} since {changed:%Y-%m-%d %H:%M:%S} UTC: {switch['reason']}"
    make_console().print(f"{sentence} (revision {switch['revision']})", markup=False, highlight=False)
