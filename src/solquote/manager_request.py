"""Asks the system manager for a stop, a release or a look, with the standard library alone: a stop is on its way soon.

Loading the settings' models and the command line's library takes seconds on a loaded machine. So what a stop needs to
know is read here by name, from the environment, the running platform and the file, in the order of
`quote_core.settings`; what is wrong there is told, and the default taken. `tests/unit/solquote/test_manager_request.py`
holds names and defaults against the models.
"""

import json
import os
import pwd
import socket
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from quote_core.access.caller import Caller, Unfit
from quote_core.addresses import dialled, with_port
from quote_core.environment import NoHome, default_data_dir, given
from quote_core.running.data_folder import running_platform
from solquote.http_exchange import ArrivingAnswer, NoHttpAnswer, request_bytes

__all__ = [
    "DEFAULTS",
    "Answer",
    "ManagerClient",
    "NoAnswer",
    "Request",
    "environment_of",
    "find_manager",
    "this_person",
]

DEFAULTS: Final[Mapping[tuple[str, str], str]] = {
    ("system_manager", "http_host"): "127.0.0.1",
    ("system_manager", "http_port"): "9091",
}
ANSWER_BYTES_MAX: Final = 65_536
TOKEN_CHARS_MAX: Final = 4_096
_SHOWN: Final = {"ca": "ask_ca", "certificate": "ask_certificate", "key": "ask_key", "token_file": "ask_token_file"}
_CONFIG_VARIABLE: Final = "SOLQUOTE_CONFIG"
_DATA_DIR_VARIABLE: Final = "SOLQUOTE_DATA_DIR"


class NoAnswer(Exception):
    """The manager cannot be asked, or has not answered usefully; `kind` is a canonical status name."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class ManagerClient:
    """Where the manager is, and the file with its token."""

    host: str
    port: int
    token_path: Path
    notes: tuple[str, ...] = ()
    """What was wrong with the settings."""
    shown: Mapping[str, Path] = field(default_factory=dict)
    """Files of what is shown to our servers, by the names of `Caller`."""
    is_asked: bool = False
    """Whether a look takes a token, too."""

    def caller(self) -> Caller:
        """Who asks, and over what.

        Raises:
            NoAnswer: A file is not fit for it.
        """
        try:
            return Caller(**self.shown)
        except Unfit as error:
            raise NoAnswer("UNAVAILABLE", str(error)) from None

    @property
    def where(self) -> str:
        """For sentences."""
        return f"the system manager at {with_port(self.host, self.port)}"

    def fields_of_a_look(self) -> Mapping[str, str]:
        """What a look shows: the token our clients show, or where one is asked for and there is none, the switch's own.

        Raises:
            NoAnswer: There is none, or it may not be read.
        """
        if not self.is_asked or "token_file" in self.shown:
            return self.caller().headers()
        return {"Authorization": f"Bearer {self.token()}"}

    def token(self) -> str:
        """The secret.

        Raises:
            NoAnswer: There is none, or it may not be read.
        """
        try:
            with self.token_path.open(encoding="ascii", errors="replace") as file:
                return "".join(file.read(TOKEN_CHARS_MAX).replace("\ufffd", "?").split())
        except FileNotFoundError:
            sentence = f"there is no kill-switch token at {self.token_path}"
            raise NoAnswer("UNAVAILABLE", f"{sentence}; the system manager makes it when it first starts") from None
        except OSError as error:
            raise NoAnswer("PERMISSION_DENIED", f"{self.token_path}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Answer:
    """What the manager said: the HTTP status and the object in the body."""

    status: int
    content: Mapping[str, Any]


def environment_of(environ: Mapping[str, str], data_dir: str | None) -> dict[str, str]:
    """`environ`, and where it is silent what the running platform of its data folder tells its own processes."""
    own = given({**environ, **({_DATA_DIR_VARIABLE: data_dir} if data_dir else {})})
    try:
        running = running_platform(_data_folder(own, _Lookup(own)))
    except NoHome:
        return own
    return own if running is None else {**running.environment, **own}


def find_manager(environ: Mapping[str, str]) -> ManagerClient:
    """Where the settings say the manager is.

    Raises:
        NoAnswer: There is no folder that its token could be in.
    """
    environ = given(environ)
    lookup = _Lookup(environ)
    text = lookup.get("system_manager", "http_port")
    port = int(text) if text.isdecimal() else -1
    if not 0 < port < 2**16:
        lookup.notes.append(f"http_port: {text!r} is no port")
        port = int(DEFAULTS["system_manager", "http_port"])
    token_file = lookup.get("system_manager", "token_file")
    try:
        token_path = (
            Path(token_file).expanduser() if token_file else _data_folder(environ, lookup) / "kill-switch.token"
        )
    except (NoHome, RuntimeError) as error:
        raise NoAnswer("UNAVAILABLE", str(error)) from None
    host = lookup.get("system_manager", "http_host").strip("[]")
    shown = {
        name: Path(path).expanduser()
        for name, path in ((name, lookup.get("platform", setting)) for name, setting in _SHOWN.items())
        if path
    }
    is_asked = bool(lookup.get("platform", "access_file"))
    return ManagerClient(dialled(host), port, token_path, tuple(lookup.notes), shown, is_asked)


def this_person() -> str:
    """Who runs this command: the Unix user, also behind sudo."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"uid {os.getuid()}"
    invoker = os.environ.get("SUDO_USER", "")
    return f"{invoker} as {name}" if os.getuid() == 0 and invoker and invoker != name else name


class Request:
    """One request under way. `sent` does not wait for the answer, so that somebody else can be asked meanwhile."""

    def __init__(self, where: str, connection: socket.socket) -> None:
        self._where = where
        self._connection = connection
        self._arriving = ArrivingAnswer(ANSWER_BYTES_MAX)
        self._has_said_anything = False

    @classmethod
    def sent(cls, manager: ManagerClient, action: str, body: Mapping[str, object], *, timeout_s: float) -> "Request":
        """Send a request to `/api/killswitch/ACTION`.

        Raises:
            NoAnswer: There is no token, or nobody listens.
        """
        return cls._begun(
            manager,
            f"/api/killswitch/{action}",
            timeout_s,
            content=json.dumps(body).encode(),
            fields={"Authorization": f"Bearer {manager.token()}"},
        )

    @classmethod
    def look(cls, manager: ManagerClient, *, timeout_s: float) -> "Request":
        """Ask what is latched.

        Raises:
            NoAnswer: Nobody listens, or a token is asked for and there is none.
        """
        return cls._begun(manager, "/api/killswitch", timeout_s, fields=manager.fields_of_a_look())

    @classmethod
    def _begun(
        cls,
        manager: ManagerClient,
        target: str,
        timeout_s: float,
        *,
        content: bytes | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> "Request":
        host, context = with_port(manager.host, manager.port), manager.caller().context
        try:
            connection = socket.create_connection((manager.host, manager.port), timeout=timeout_s)
            if context is not None:
                connection = context.wrap_socket(connection, server_hostname=manager.host)
        except TimeoutError:
            raise NoAnswer("DEADLINE_EXCEEDED", f"{manager.where} did not answer within {timeout_s:g} s") from None
        except (OSError, UnicodeError) as error:
            raise NoAnswer("UNAVAILABLE", f"{manager.where} cannot be reached") from error
        request = cls(manager.where, connection)
        try:
            connection.sendall(request_bytes(target, host=host, content=content, fields=fields))
        except OSError:
            request.close()
            raise NoAnswer("UNAVAILABLE", f"{manager.where} cannot be reached") from None
        return request

    def answer(self, *, until_mono_s: float) -> Answer | None:
        """The answer; `None` when it has not come by `until_mono_s` and may come yet.

        Raises:
            NoAnswer: The connection broke, or what came is no answer of a manager.
        """
        try:
            is_whole = False
            while not is_whole:
                self._connection.settimeout(max(0.001, until_mono_s - time.monotonic()))
                part = self._connection.recv(ANSWER_BYTES_MAX)
                self._has_said_anything |= bool(part)
                is_whole = self._arriving.take(part)
        except TimeoutError:
            return None
        except OSError:
            raise NoAnswer("UNAVAILABLE", f"{self._where} broke the connection off") from None
        except NoHttpAnswer:
            if not self._has_said_anything:
                raise NoAnswer("UNAVAILABLE", f"{self._where} broke the connection off") from None
            raise NoAnswer("DATA_LOSS", f"{self._where} answers with something else than an object") from None
        return self._parsed()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _parsed(self) -> Answer:
        status = self._arriving.status
        assert status is not None
        try:
            value = json.loads(self._arriving.content)
        except (ValueError, RecursionError):
            raise NoAnswer("DATA_LOSS", f"{self._where} answers with something else than JSON") from None
        if not isinstance(value, dict):
            raise NoAnswer("DATA_LOSS", f"{self._where} answers with something else than an object")
        return Answer(status, value)


class _Lookup:
    """Single settings by name: environment, then file, then default."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.notes: list[str] = []
        self._environ = environ
        self._content: Mapping[str, Any] = {}
        path = environ.get(_CONFIG_VARIABLE)
        if path:
            try:
                self._content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                self.notes.append(f"{_CONFIG_VARIABLE}: {error}")

    def get(self, section: str, name: str) -> str:
        infix = "" if section == "platform" else f"{section.upper()}_"
        variable = f"SOLQUOTE_{infix}{name.upper()}"
        if variable in self._environ:
            return self._environ[variable]
        table = self._content.get(section, {})
        value = table.get(name, "") if isinstance(table, dict) else ""
        return str(value) or DEFAULTS.get((section, name), "")


def _data_folder(environ: Mapping[str, str], lookup: _Lookup) -> Path:
    """As `PlatformSettings.data_folder` says."""
    named = lookup.get("platform", "data_dir")
    if named:
        return Path(named).expanduser().absolute()
    return default_data_dir(environ)
