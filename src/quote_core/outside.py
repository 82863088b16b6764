"""Where words from outside become values of ours: bounded, finite, or refused. Pure.

A provider, a node or a proxy may send anything: `NaN`, `1e308`, five thousand digits, a slot of 2**63. Whatever passes
here fits the fields it is stored, sent and compared in, so that nothing behind has to ask again. Each function raises
`ValueError` with the rule that is broken, never with the words themselves, which have no bound; whoever reads a message
says whose it is and makes `LayoutMismatch` or `RpcFailed` of it.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.units import NS_PER_S, Pubkey

__all__ = [
    "RETRY_AFTER_NS_MAX",
    "SLOT_MAX",
    "address",
    "bounded_int",
    "bounded_text",
    "decimal_int",
    "finite",
    "retry_after_ns",
    "until_ns",
]

SLOT_MAX: Final = 2**48 - 1
"""No chain gets there: at 2.5 slots a second it takes 3.5 million years."""

RETRY_AFTER_NS_MAX: Final = 24 * 3600 * NS_PER_S
"""A day, the longest window a provider counts quotas by. More is heeded for so long, and said."""

_NUMBER_CHARS_MAX: Final = 64
_DATE_CHARS_MAX: Final = 64
_DECIMAL: Final = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d{1,3})?", re.ASCII)
_SECONDS: Final = re.compile(r"-?\d+(\.\d*)?", re.ASCII)


def bounded_int(value: object, *, low: int, high: int) -> int:
    """A JSON number that must be whole and within `low` to `high`, both included.

    Raises:
        ValueError: It is not; `true` is no number.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("must be a whole number")  # noqa: TRY004  # one error, whatever the rule
    if not low <= value <= high:
        raise ValueError(f"must be {low} to {high}")
    return value


def decimal_int(value: object, *, low: int, high: int) -> int:
    """A whole number written in plain ASCII digits; `low` must not be negative.

    Raises:
        ValueError: No text, anything but digits (signs, spaces and underscores too), or out of bounds.
    """
    # The length comes first: `int` takes time that grows with the square, and refuses 4300 digits in its own way.
    if not (isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(high))):
        raise ValueError(f"must be decimal text of {low} to {high}")
    return bounded_int(int(value), low=low, high=high)


def finite(value: object, *, low: float, high: float) -> float:
    """A number, or decimal text of one, within `low` to `high`, both included.

    Raises:
        ValueError: It is not, or is not finite: `NaN` compares with nothing and must be asked for by name.
    """
    if isinstance(value, str) and len(value) <= _NUMBER_CHARS_MAX and _DECIMAL.fullmatch(value):
        value = float(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError("must be a decimal number")  # noqa: TRY004  # as above
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"must be a finite number from {low:g} to {high:g}")
    return float(value)


def bounded_text(value: object, *, char_count_max: int) -> str:
    """Printable text of at most `char_count_max` characters, as a name that people and logs are shown.

    Raises:
        ValueError: It is not.
    """
    if not (isinstance(value, str) and len(value) <= char_count_max and value.isprintable()):
        raise ValueError(f"must be printable text of at most {char_count_max} characters")
    return value


def address(value: object) -> Pubkey:
    """A Solana address in base58.

    Raises:
        ValueError: It is not one: events and shared memory hold the 32 bytes behind it.
    """
    if not isinstance(value, str) or not 32 <= len(value) <= 44:
        raise ValueError("must be a base58 address")
    try:
        SoldersPubkey.from_string(value)
    except ValueError:
        raise ValueError("must be a base58 address") from None
    return Pubkey(value)


def retry_after_ns(headers: Mapping[str, str], *, now_unix_ns: int) -> int | None:
    """How long an HTTP answer's `Retry-After` asks to stay away, in both of its forms; None = it does not tell.

    Seconds may have a fraction, which some servers send. A date is judged against the answer's own `Date` where there
    is one, so that a wrong clock on this host does not matter. What is past is 0. There is no upper bound: see
    `RETRY_AFTER_NS_MAX`.

    Args:
        headers: The answer's; must not care for upper and lower case.
        now_unix_ns: This host's wall clock, for a date without `Date`.

    Source: RFC 9110, section 10.2.3.
    """
    text = headers.get("Retry-After", "").strip()
    seconds = _seconds_ns(text)
    if seconds is not None:
        return max(seconds, 0)
    date_unix_ns = _date_unix_ns(text)
    return None if date_unix_ns is None else _from_now_ns(date_unix_ns, headers, now_unix_ns)


def until_ns(header: str, headers: Mapping[str, str], *, now_unix_ns: int) -> int | None:
    """How long until the unix seconds a header names, judged as a date by `retry_after_ns`; None = it names none."""
    unix_ns = _seconds_ns(headers.get(header, "").strip())
    return None if unix_ns is None else _from_now_ns(unix_ns, headers, now_unix_ns)


def _from_now_ns(unix_ns: int, headers: Mapping[str, str], now_unix_ns: int) -> int:
    told_unix_ns = _date_unix_ns(headers.get("Date", "").strip())
    return max(unix_ns - (now_unix_ns if told_unix_ns is None else told_unix_ns), 0)


def _seconds_ns(text: str) -> int | None:
    if not _SECONDS.fullmatch(text):
        return None
    if len(text) > _NUMBER_CHARS_MAX:  # it says "for ever", or "long ago", whatever the digits
        return -1 if text.startswith("-") else 10**_NUMBER_CHARS_MAX
    whole, _, fraction = text.partition(".")
    sign = -1 if whole.startswith("-") else 1
    return int(whole) * NS_PER_S + sign * int(fraction[:9].ljust(9, "0"))


def _date_unix_ns(text: str) -> int | None:
    if not 0 < len(text) <= _DATE_CHARS_MAX:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) * NS_PER_S
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
