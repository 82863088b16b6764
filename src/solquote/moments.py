"""Points in time on the command line: how long ago (`10m`), or when (`2026-07-30T12:00:00`, UTC unless it says)."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from quote_core.errors import InvalidField
from quote_core.units import NS_PER_S

__all__ = ["Since", "Until", "bounds_of", "unix_ns_of", "utc_text"]

_EXAMPLES: Final = "10m, 2h, 1d or 2026-07-30T12:00:00"
Since = Annotated[str | None, typer.Option(help=f"Stored at or after: {_EXAMPLES}", metavar="TIME")]
Until = Annotated[str | None, typer.Option(help=f"Stored before: {_EXAMPLES}", metavar="TIME")]

_AGO: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(s|m|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def bounds_of(since: str | None, until: str | None, *, now_unix_ns: int) -> tuple[int | None, int | None]:
    """Both options in nanoseconds since 1970; `None` = without bound.

    Raises:
        InvalidField: One of them is neither a span nor a time.
    """
    options = (("--since", since), ("--until", until))
    first, end = (
        None if text is None else unix_ns_of(text, field=field, now_unix_ns=now_unix_ns) for field, text in options
    )
    return first, end


def unix_ns_of(text: str, *, field: str, now_unix_ns: int) -> int:
    """Nanoseconds since 1970, 0 for all that was before.

    Raises:
        InvalidField: It is neither a span nor a time.
    """
    if (ago := _AGO.fullmatch(text.strip())) is not None:
        return max(0, now_unix_ns - round(float(ago[1]) * _SECONDS[ago[2]] * NS_PER_S))
    try:
        at = datetime.fromisoformat(text.strip())
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0, int(at.timestamp())) * NS_PER_S + at.microsecond * 1_000
    except (ValueError, OverflowError):
        raise InvalidField(field, f"must be a time such as {_EXAMPLES}, got {text!r}") from None


def utc_text(unix_ns: int) -> str:
    """RFC 3339 in UTC, with all nine decimals."""
    at = datetime.fromtimestamp(unix_ns // NS_PER_S, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{unix_ns % NS_PER_S:09}Z"
