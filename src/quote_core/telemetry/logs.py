"""Structured logs on standard error: one line an event, readable on a terminal, JSON elsewhere.

Secrets never get here: settings hold them as `SecretStr`, and URLs are logged through `redacted_url`.
"""

import logging
import sys
from urllib.parse import urlsplit, urlunsplit

import structlog

from quote_core.addresses import with_port

__all__ = ["redacted_url", "start_logs"]


def start_logs(service: str, level: str) -> structlog.stdlib.BoundLogger:
    """Configure logging for this process and give the service's logger.

    Args:
        service: Name put on every line.
        level: Least level written: debug, info, warning or error.
    """
    level_number = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level_number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(level_number, logging.WARNING), stream=sys.stderr)
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(service=service)
    return logger


def redacted_url(url: str) -> str:
    """`url` without user, password, path and query: providers put API keys in all four."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return urlunsplit((parts.scheme, with_port(host, parts.port) if parts.port else host, "", "", ""))
