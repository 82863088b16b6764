"""Why a reading is not the one that is used, in words. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

from local_quote.oracle.policy import (
    PolicyLimits,
    PolicyTime,
    Standing,
    StoodReading,
    age_ns,
    is_of_past_epoch,
    is_past,
)
from quote_core.units import NS_PER_S

__all__ = ["reason"]


def reason(stood: StoodReading, now: PolicyTime, limits: PolicyLimits) -> str:
    """Why a reading is not the one that is used; empty for the one that is."""
    return _REASONS[stood.standing](stood, now, limits)


def _stale(stood: StoodReading, now: PolicyTime, limits: PolicyLimits) -> str:
    reading = stood.reading
    if is_of_past_epoch(reading, now, limits):
        return f"of epoch {reading.epoch}, and now is {now.chain.epoch}"
    if is_past(reading, now, limits):
        return f"published {age_ns(reading, now) // NS_PER_S} s ago"
    return f"nobody vouched for it within {limits.age_s_max} s"


def _disagrees(stood: StoodReading, now: PolicyTime, limits: PolicyLimits) -> str:
    del now
    return f"{_percent(stood.deviation)} off the chosen price, more than {_percent(limits.deviation_fraction_max)}"


def _wide(stood: StoodReading, now: PolicyTime, limits: PolicyLimits) -> str:
    del now
    interval = _percent(stood.conf / stood.price)
    return f"an interval of {interval} either way, more than {_percent(limits.conf_fraction_max)}"


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.3g} %"


_REASONS: Final[Mapping[Standing, Callable[[StoodReading, PolicyTime, PolicyLimits], str]]] = {
    Standing.CHOSEN: lambda *_: "",
    Standing.OUTRANKED: lambda stood, *_: f"agrees within {_percent(stood.deviation)}",
    Standing.DISAGREES: _disagrees,
    Standing.WIDE: _wide,
    Standing.UNPRICED: lambda *_: "in dollars, and SOL has no price",
    Standing.AHEAD: lambda *_: "published ahead of the chain's own time",
    Standing.STALE: _stale,
}
