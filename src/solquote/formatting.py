"""Numbers as people read them. Exact values stay in JSON; here is only display."""

from decimal import Decimal
from typing import TYPE_CHECKING

from quote_core.clock import AGE_UNKNOWN_NS
from quote_core.units import NS_PER_MS, NS_PER_S, decimal_from_amount

if TYPE_CHECKING:
    from quote_core.tokens import Token

__all__ = [
    "age_text",
    "amount_text",
    "key_text",
    "percent_text",
    "price_text",
    "short_key",
    "size_text",
    "span_text",
    "spread_text",
]


def amount_text(amount: int, token: "Token") -> str:
    """Whole tokens with all their decimal places' meaning kept and trailing zeros dropped: 1,234.5."""
    value = decimal_from_amount(amount, token.decimals)
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def price_text(price: float | None) -> str:
    """Six significant digits, never in exponent form."""
    if price is None:
        return "unknown"
    return f"{Decimal(f'{price:.6g}'):,f}"


def percent_text(fraction: float) -> str:
    """A fraction as percent: 0.0123 is 1.23 %."""
    return f"{fraction * 100:.3g} %" if abs(fraction) < 10 else f"{fraction * 100:.0f} %"


def spread_text(spread_bps: float | None) -> str:
    """Basis points with their sign."""
    return "" if spread_bps is None else f"{spread_bps:+.1f} bps"


def age_text(age_ms: int) -> str:
    """Milliseconds as the unit people expect for the size; an age beyond every chain's is that of what never was."""
    if age_ms >= AGE_UNKNOWN_NS // NS_PER_MS:
        return "never"
    if age_ms < 1000:
        return f"{age_ms} ms"
    if age_ms < 100_000:
        return f"{age_ms / 1000:.1f} s"
    return f"{age_ms // 60_000} min"


def span_text(span_ns: int) -> str:
    """How long something lasts, in the largest unit that it has one of."""
    for unit_s, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if span_ns >= unit_s * NS_PER_S:
            return f"{span_ns / unit_s / NS_PER_S:.3g} {unit}"
    return f"{span_ns / NS_PER_S:.3g} s"


def size_text(size_bytes: int) -> str:
    """Bytes in the largest unit that it has one of."""
    for unit_bytes, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.1f} {unit}"
    return f"{size_bytes} B"


def key_text(key: str, *, whole: bool) -> str:
    """An address, shortened where there is no room for it."""
    return key if whole else short_key(key)


def short_key(key: str) -> str:
    """An address shortened for a table; JSON has it whole."""
    return key if len(key) <= 12 else f"{key[:4]}..{key[-4:]}"
