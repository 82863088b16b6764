"""One shape for every line of a log file: a JSON object that begins with `timestamp`, `level`, `service` and `event`.

Our processes write it themselves (`quote_core.telemetry.logs`). What else comes out of one (nats-server's own lines, a
traceback, a library's last words) is put into it here, and each line can be made readable for a terminal.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from quote_core.running.log_files import fields_of

__all__ = ["readable", "shaped"]

_HEAD: Final = ("timestamp", "level", "service", "event")
_NATS: Final = re.compile(r"\[\d+\] (\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{1,6}) \[([A-Z]{3})\](.*)", re.DOTALL)
_NATS_TIME: Final = "%Y/%m/%d %H:%M:%S.%f"
_NATS_LEVELS: Final[Mapping[str, str]] = {
    "TRC": "debug",
    "DBG": "debug",
    "INF": "info",
    "WRN": "warning",
    "ERR": "error",
    "FTL": "critical",
}
_LEVEL_STYLES: Final[Mapping[str, str]] = {
    "warning": "yellow",
    "error": "bold red",
    "critical": "bold red",
    "debug": "dim",
}


def shaped(line: bytes, *, service: str, unix_ns: int) -> bytes:
    """A line as it is kept; empty when it says nothing.

    Args:
        line: What the process wrote.
        service: Who wrote it.
        unix_ns: Now, for a line that does not tell its time. Such a line is an error: a process that is well logs
            otherwise.
    """
    text = line.decode("utf-8", errors="replace").rstrip()
    told = fields_of(text)
    if told is not None:
        head = {"timestamp": _iso(unix_ns), "level": "info", "service": service}
        return line if head.keys() <= told.keys() else _written(head | told)
    entry = _of_nats(text) or {"timestamp": _iso(unix_ns), "level": "error", "event": text}
    return _written(entry | {"service": service}) if entry["event"].strip() else b""


def readable(text: str) -> list[tuple[str, str]]:
    """A line for a terminal, as pieces with their styles; without time and service, which stand before it."""
    told = fields_of(text)
    if told is None:
        return [(_printable(text), "default")]
    level = str(told.get("level", ""))
    pieces = [
        (f"{level:<7} ", _LEVEL_STYLES.get(level, "green")),
        (_printable(str(told["event"])), "bold default"),
    ]
    for name, value in told.items():
        if name not in _HEAD:
            pieces += [(f"  {name}=", "dim"), (_printable(str(value)), "default")]
    return pieces


def _of_nats(text: str) -> dict[str, str] | None:
    """A line of nats-server, which tells local time."""
    told = _NATS.fullmatch(text)
    if told is None:
        return None
    try:
        moment = datetime.strptime(told[1], _NATS_TIME).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    level = _NATS_LEVELS.get(told[2], "info")
    return {"timestamp": _spelled(moment), "level": level, "event": told[3].removeprefix(" ")}


def _written(entry: Mapping[str, object]) -> bytes:
    return json.dumps({**{name: entry[name] for name in _HEAD}, **entry}).encode()


def _iso(unix_ns: int) -> str:
    return _spelled(datetime.fromtimestamp(unix_ns / 1e9, UTC))


def _spelled(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _printable(text: str) -> str:
    """A log goes to the operator's terminal: no control characters."""
    return "".join(letter for letter in text if letter.isprintable() or letter == "\t")
