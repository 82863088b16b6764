"""`solquote kill` and `solquote release`: stop trading, and let it go on, through the system manager."""

import enum
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from quote_core.settings import PlatformSettings
from solquote.commands.options import DataDir, Json, Timeout, found_environment
from solquote.exit_codes import ExitCode
from solquote.manager_request import NoAnswer, Request, find_manager, this_person
from solquote.output import CommandFailed, answer_json, make_console, with_status
from solquote.stop_now import TIMEOUT_S, Order, stop_now

__all__ = ["kill", "release"]

Reason = Annotated[str | None, typer.Option(help="Why; kept with the state and in the audit trail", metavar="TEXT")]


class StopState(enum.StrEnum):
    """How far trading is to stop."""

    HALTED = "halted"
    REDUCING = "reducing"


def kill(
    *,
    reason: Reason = None,
    state: Annotated[
        StopState, typer.Option(help="halted: nothing more begins; reducing: what an executor has in hand is finished")
    ] = StopState.HALTED,
    timeout: Timeout = TIMEOUT_S,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> int:
    """Stop all trading now; it stays stopped, across restarts too, until `release`."""
    folder = None if data_dir is None else str(data_dir)
    order = Order(reason=reason or "", state=state.value, timeout_s=timeout, data_dir=folder, as_json=as_json)
    return stop_now(order, os.environ)


def release(
    *,
    reason: Reason = None,
    force: Annotated[
        list[str] | None,
        typer.Option(help="Release although this rule still triggers; once for each that does", metavar="RULE"),
    ] = None,
    timeout: Timeout = TIMEOUT_S,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Let trading go on, once no rule of the system manager triggers any more, or each that does is forced by name."""
    environ = found_environment(data_dir)
    PlatformSettings.load(environ=environ)  # to let trading go on, everything that is set has to be right
    body: dict[str, str | list[str]] = {"person": this_person()}
    body |= ({"reason": reason} if reason else {}) | ({"force": force} if force else {})
    deadline_s = time.monotonic() + timeout
    try:
        manager = find_manager(environ)
        request = Request.sent(manager, "disable", body, timeout_s=timeout)
        try:
            answer = request.answer(until_mono_s=deadline_s)
        finally:
            request.close()
    except NoAnswer as error:
        exit_code = ExitCode.BAD_INPUT if error.kind == "PERMISSION_DENIED" else None
        raise (
            CommandFailed(error.kind, str(error), exit_code) if exit_code else with_status(error.kind, str(error))
        ) from error
    if answer is None:
        raise with_status("DEADLINE_EXCEEDED", f"{manager.where} did not answer within {timeout:g} s")
    if "error" in answer.content:
        raise _refusal(answer.content, answer.status)
    _show(dict(answer.content), as_json=as_json)


def _refusal(content: Mapping[str, Any], status: int) -> CommandFailed:
    code, message = str(content.get("errorCode", "UNKNOWN")), str(content["error"] or f"HTTP {status}")
    if code == "UNAUTHENTICATED":
        return CommandFailed(code, f"the system manager refuses the token: {message}", ExitCode.BAD_INPUT)
    return with_status(code, message)


def _show(switch: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        answer_json(switch)
        return
    changed = datetime.fromtimestamp(switch["changedUnixNs"] / 1e9, tz=UTC)
    sentence = f"trading is {switch['state']} since {changed:%Y-%m-%d %H:%M:%S} UTC: {switch['reason']}"
    make_console().print(f"{sentence} (revision {switch['revision']})", markup=False, highlight=False)
