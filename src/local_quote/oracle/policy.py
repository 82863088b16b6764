"""Which of a token's oracle readings is used, and why not the others: a pure function.

| a reading is | when                                                                                         |
|--------------|----------------------------------------------------------------------------------------------|
| `stale`      | it was last known true, or published, longer ago than `age_s_max`, or its own limit is over  |
| `ahead`      | it was published more than `AHEAD_S_MAX`, or `EPOCHS_AHEAD_MAX`, after the chain's own time   |
| `unpriced`   | it is in dollars where the token is priced in SOL, and SOL has no price                       |
| `wide`       | its confidence interval is wider than `conf_fraction_max` of the price                        |
| `disagrees`  | it is usable, and further from the chosen one than `deviation_fraction_max`                   |
| `outranked`  | it is usable and agrees, and another is preferred                                            |
| `chosen`     | it is the one that is used                                                                   |

The first four are not usable and take no part. Of the others the one is chosen that most voices agree with; among
equals the better source, and of one voice the newest. Where those that agree with the chosen one are not more voices
than those that do not, nobody can tell who is right: the choice is disputed, and says by how much. `docs/oracles.md`.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from local_quote.oracle.reading import PriceReading, Source, Unit
from quote_core.dex.pool import ChainClock
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = [
    "AHEAD_S_MAX",
    "EPOCHS_AHEAD_MAX",
    "Choice",
    "PolicyLimits",
    "PolicyTime",
    "Standing",
    "StoodReading",
    "age_ns",
    "choose",
    "is_of_past_epoch",
    "is_past",
]

AHEAD_S_MAX: Final = 30
"""The chain's own time is a median of its validators' clocks, and some seconds behind or ahead."""
EPOCHS_AHEAD_MAX: Final = 1
"""The chain's clock is read on its own, and may be of the slot before an epoch's first."""

_SLOT_MS: Final = 400
_MS_PER_S: Final = 1_000


class Standing(enum.Enum):
    """What became of a reading; see the table."""

    CHOSEN = "chosen"
    OUTRANKED = "outranked"
    STALE = "stale"
    AHEAD = "ahead"
    UNPRICED = "unpriced"
    WIDE = "wide"
    DISAGREES = "disagrees"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLimits:
    """At a limit a reading is still usable, and still agrees.

    Attributes:
        age_s_max: Seconds since a reading was last known true, and since it was published.
        epoch_age_max: Epochs since it was worked out.
        conf_fraction_max: Half width of the confidence interval, as a fraction of the price.
        deviation_fraction_max: Distance of two sources that agree, as a fraction of the lower price.
    """

    age_s_max: int
    epoch_age_max: int
    conf_fraction_max: float
    deviation_fraction_max: float


class PolicyTime(NamedTuple):
    """Now, by this host's monotonic clock and by the chain."""

    mono_ns: int
    chain: ChainClock


class StoodReading(NamedTuple):
    """A reading, its price in the token's unit (0 where it cannot be told), what became of it and by how much.

    `deviation` is the distance from the chosen price as a fraction of the lower of both; 0 where there is none.
    """

    reading: PriceReading
    price: float
    conf: float
    standing: Standing
    deviation: float


@dataclass(frozen=True, slots=True)
class Choice:
    """What the policy found for one token.

    Attributes:
        price: In the token's unit; `None` = no reading is usable.
        chosen: The reading it is of.
        last: The reading to show, marked stale, where none is usable; `None` = there is none at all.
        disagreement: How far the furthest usable reading that is not outvoted is from the price, a fraction of the
            lower of both; 0 = all that count agree.
        readings: Every reading, the chosen one first, then by source.
    """

    price: float | None
    chosen: PriceReading | None
    last: StoodReading | None
    disagreement: float
    readings: tuple[StoodReading, ...]


NOTHING: Final = Choice(None, None, None, 0.0, ())


def choose(
    readings: Sequence[PriceReading],
    *,
    unit: Unit,
    sol_usd: float | None,
    now: PolicyTime,
    limits: PolicyLimits,
) -> Choice:
    """Choose between a token's readings.

    Args:
        readings: In any order; their order changes nothing.
        unit: What the token is priced in; readings in dollars are converted where it is SOL.
        sol_usd: Dollars for a SOL, as chosen; only asked for where something has to be converted.
        now: For ages.
        limits: What is still usable.
    """
    if not readings:
        return NOTHING
    ordered = sorted(readings, key=_preference)
    usable: list[tuple[PriceReading, float, float]] = []
    others: list[StoodReading] = []
    for reading in ordered:
        price, conf = _converted(reading, unit, sol_usd)
        standing = _unusable(reading, price, conf, now, limits)
        if standing is None:
            usable.append((reading, price, conf))
        else:
            others.append(StoodReading(reading, price, conf, standing, 0.0))
    if not usable:
        return Choice(None, None, others[0], 0.0, tuple(others))
    best = max(
        range(len(usable)),
        key=lambda which: (_voices(usable, usable[which][1], limits, are_agreeing=True), -which),
    )
    chosen, price, conf = usable[best]
    stood = [StoodReading(chosen, price, conf, Standing.CHOSEN, 0.0)]
    dissent = 0.0
    for which, (reading, other, other_conf) in enumerate(usable):
        if which != best:
            apart = _apart(price, other)
            is_agreeing = apart <= limits.deviation_fraction_max
            dissent = dissent if is_agreeing else max(dissent, apart)
            standing = Standing.OUTRANKED if is_agreeing else Standing.DISAGREES
            stood.append(StoodReading(reading, other, other_conf, standing, apart))
    for_it = _voices(usable, price, limits, are_agreeing=True)
    against = _voices(usable, price, limits, are_agreeing=False)
    others = [one._replace(deviation=_apart(price, one.price)) if one.price > 0.0 else one for one in others]
    return Choice(price, chosen, stood[0], 0.0 if for_it > against else dissent, (*stood, *others))


def age_ns(reading: PriceReading, now: PolicyTime) -> int:
    """How old a reading is: since it was published where its publisher says, else since it was last known true."""
    if reading.published_unix_s is not None:
        return max(0, now.chain.unix_timestamp - reading.published_unix_s) * NS_PER_S
    if reading.published_slot is not None:
        return max(0, now.chain.slot - reading.published_slot) * _SLOT_MS * NS_PER_MS
    return max(0, now.mono_ns - reading.freshness.vouched.mono_ns)


def _preference(reading: PriceReading) -> tuple[int, int, int, int, int, float, float]:
    """Voices in the order of their best source; of one voice the newest; then a total order, whoever comes first."""
    first_of_voice = min(source.rank for source in Source if source.voice == reading.source.voice)
    published = reading.published_unix_s or 0
    slot, vouched = reading.published_slot or 0, reading.freshness.vouched.mono_ns
    return first_of_voice, -published, -slot, reading.source.rank, -vouched, reading.price, reading.conf


def _converted(reading: PriceReading, unit: Unit, sol_usd: float | None) -> tuple[float, float]:
    """Price and interval in the token's unit; zeros where they cannot be told."""
    if reading.unit is unit:
        return reading.price, reading.conf
    if sol_usd is None:
        return 0.0, 0.0
    if unit is Unit.SOL:
        return reading.price / sol_usd, reading.conf / sol_usd
    return reading.price * sol_usd, reading.conf * sol_usd


def _unusable(
    reading: PriceReading, price: float, conf: float, now: PolicyTime, limits: PolicyLimits
) -> Standing | None:
    if _is_ahead(reading, now.chain):
        return Standing.AHEAD
    if _is_unvouched(reading, now, limits) or is_of_past_epoch(reading, now, limits) or is_past(reading, now, limits):
        return Standing.STALE
    if price <= 0.0:
        return Standing.UNPRICED
    return Standing.WIDE if conf > limits.conf_fraction_max * price else None


def is_of_past_epoch(reading: PriceReading, now: PolicyTime, limits: PolicyLimits) -> bool:
    """Whether the reading was worked out too many epochs ago."""
    return reading.epoch is not None and now.chain.epoch - reading.epoch > limits.epoch_age_max


def is_past(reading: PriceReading, now: PolicyTime, limits: PolicyLimits) -> bool:
    """Whether the reading was published too long ago, by the chain's own time, or longer than its publisher allows."""
    if reading.published_unix_s is not None:
        return now.chain.unix_timestamp - reading.published_unix_s > limits.age_s_max
    if reading.published_slot is not None:
        slot_count = now.chain.slot - reading.published_slot
        is_over = reading.slots_max is not None and slot_count > reading.slots_max
        return is_over or slot_count * _SLOT_MS > limits.age_s_max * _MS_PER_S
    return False


def _is_unvouched(reading: PriceReading, now: PolicyTime, limits: PolicyLimits) -> bool:
    """Whether nobody has known the reading to be true for too long, whatever it says of itself."""
    return now.mono_ns - reading.freshness.vouched.mono_ns > limits.age_s_max * NS_PER_S


def _is_ahead(reading: PriceReading, chain: ChainClock) -> bool:
    if reading.published_unix_s is not None:
        return reading.published_unix_s - chain.unix_timestamp > AHEAD_S_MAX
    if reading.published_slot is not None:
        return (reading.published_slot - chain.slot) * _SLOT_MS > AHEAD_S_MAX * _MS_PER_S
    return reading.epoch is not None and reading.epoch - chain.epoch > EPOCHS_AHEAD_MAX


def _voices(
    usable: Sequence[tuple[PriceReading, float, float]], price: float, limits: PolicyLimits, *, are_agreeing: bool
) -> int:
    """How many voices have a reading near a price, or how many have one and none near it."""
    near = {one.source.voice for one, other, _ in usable if _apart(price, other) <= limits.deviation_fraction_max}
    if are_agreeing:
        return len(near)
    return len({one.source.voice for one, _, _ in usable} - near)


def _apart(one: float, other: float) -> float:
    """The distance of two prices above zero, as a fraction of the lower: the same whichever comes first."""
    return abs(one - other) / min(one, other)
