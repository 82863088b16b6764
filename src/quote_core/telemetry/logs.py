"""Structured logs on standard error: one line an event, readable on a terminal, JSON elsewhere.

Every line begins with `timestamp`, `level`, `service` and `event`; a `part` of the service and what the event is about
follow. Libraries that log by the standard library come out in the same shape, with their name as the part.

Secrets never get here: settings hold them as `SecretStr`, and URLs are logged through `addresses.redacted_url`.
"""

import logging
import os
import sys
from typing import Final

import structlog

__all__ = ["start_logs"]


_HEAD: Final = ("timestamp", "level", "service", "event")


def start_logs(service: str, level: str) -> None:
    """Configure logging for this process.

    Args:
        service: Name put on every line.
        level: Least level written: debug, info, warning or error.
    """
    level_number = logging.getLevelNamesMapping()[level.upper()]

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
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level_number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(level_number, logging.WARNING), handlers=[_OfLibraries()])


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
