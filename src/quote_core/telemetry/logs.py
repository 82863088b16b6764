"""Structured logs on standard error: one line an event, readable on a terminal, JSON elsewhere.

Every line begins with `timestamp`, `level`, `service` and `event`; a `part` of the service and what the event is about
follow, and inside of a span that is recorded its `trace_id` and `span_id`. Libraries that log by the standard library
come out in the same shape, with their name as the part.

Secrets should not get here: settings hold them as `SecretStr`, and URLs are logged through `addresses.redacted_url`.
What gets here all the same, in the message of a library's error, is masked: of every line what `hide` was told.
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Iterable
from types import TracebackType
from typing import Final

import structlog

from quote_core.telemetry import traces

__all__ = ["MASK", "hide", "masked", "set_log_level", "start_logs"]

MASK: Final = "(secret)"
_SECRET_CHARS_MIN: Final = 6
"""What is shorter guards nothing, and would be found everywhere."""
_HEAD: Final = ("timestamp", "level", "service", "event")
_hidden: list[str] = []
"""The longest first, so that none is left in part."""


def start_logs(service: str, level: str) -> None:
    """Configure logging for this process.

    Args:
        service: Name put on every line.
        level: Least level written: debug, info, warning or error.
    """

    def with_service(
        _logger: structlog.typing.WrappedLogger, _method: str, entry: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        entry["service"] = service
        return {**{name: entry[name] for name in _HEAD}, **entry}

    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer(colors=not os.environ.get("NO_COLOR"))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            with_service,
            _with_trace,
            lambda logger, method, entry: masked(str(renderer(logger, method, entry))),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,  # the level may change
    )
    logging.basicConfig(handlers=[_OfLibraries()])
    sys.excepthook = _tell_fault
    set_log_level(level)


def set_log_level(level: str) -> None:
    """The least level written from now on; libraries stay at warning and above."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(number))
    logging.getLogger().setLevel(max(number, logging.WARNING))


def hide(secrets: Iterable[str]) -> None:
    """Mask these, as they are and as JSON spells them, in all that is logged from now on."""
    spellings = {spelling for one in secrets for spelling in (one, json.dumps(one)[1:-1])}
    known = spellings.union(_hidden)
    _hidden[:] = sorted((one for one in known if len(one) >= _SECRET_CHARS_MIN), key=len, reverse=True)


def masked(text: str) -> str:
    """`text` as it may be shown."""
    for secret in _hidden:
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def _with_trace(
    _logger: structlog.typing.WrappedLogger, _method: str, entry: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    ids = traces.current_ids()
    if ids is not None:
        entry["trace_id"], entry["span_id"] = ids
    return entry


def _tell_fault(kind: type[BaseException], fault: BaseException, where: TracebackType | None) -> None:
    """What ends a process is told as Python tells it, and masked as a line is."""
    sys.stderr.write(masked("".join(traceback.format_exception(kind, fault, where))))


class _OfLibraries(logging.Handler):
    """Hands on what a library logs."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log it as ours, at the nearest level that has a name."""
        try:
            level_number = max((one for one in _NAMED_LEVELS if one <= record.levelno), default=logging.DEBUG)
            log = structlog.get_logger(part=record.name)
            log.log(level_number, record.getMessage(), exc_info=record.exc_info)
        except Exception:  # noqa: BLE001  # as every handler of the standard library
            self.handleError(record)


_NAMED_LEVELS: Final = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
