"""What the policy may never do, whatever sources say."""

import math

from fakes.oracle_readings import LIMITS, TIME, readings
from hypothesis import given
from hypothesis import strategies as st

from local_quote.oracle.policy import Choice, Standing, choose
from local_quote.oracle.reading import PriceReading, Unit
from local_quote.oracle.reasons import reason

UNUSABLE = {Standing.STALE, Standing.AHEAD, Standing.UNPRICED, Standing.WIDE}
UNITS = st.sampled_from(Unit)
SOL_USD = st.none() | st.floats(1e-6, 1e6)


def choice_of(told: list[PriceReading], unit: Unit, sol_usd: float | None) -> Choice:
    return choose(told, unit=unit, sol_usd=sol_usd, now=TIME, limits=LIMITS)


@given(readings(), UNITS, SOL_USD)
def test_every_reading_is_accounted_for_once_and_has_its_reason(
    told: list[PriceReading], unit: Unit, sol_usd: float | None
) -> None:
    choice = choice_of(told, unit, sol_usd)
    assert sorted(id(stood.reading) for stood in choice.readings) == sorted(map(id, told))
    for stood in choice.readings:
        assert bool(reason(stood, TIME, LIMITS)) is (stood.standing is not Standing.CHOSEN)


@given(readings(), UNITS, SOL_USD)
def test_a_price_is_finite_above_zero_and_of_the_one_reading_that_is_chosen(
    told: list[PriceReading], unit: Unit, sol_usd: float | None
) -> None:
    choice = choice_of(told, unit, sol_usd)
    first = [stood for stood in choice.readings if stood.standing is Standing.CHOSEN]
    if choice.price is None:
        assert not first
        assert choice.chosen is None
        assert all(stood.standing in UNUSABLE for stood in choice.readings)
    else:
        (one,) = first
        assert one.reading is choice.chosen
        assert one.price == choice.price
        assert math.isfinite(choice.price)
        assert choice.price > 0.0
    assert math.isfinite(choice.disagreement)
    assert choice.disagreement >= 0.0


@given(readings(), UNITS, SOL_USD, st.randoms())
def test_the_order_of_readings_changes_nothing(
    told: list[PriceReading], unit: Unit, sol_usd: float | None, random: "object"
) -> None:
    shuffled = list(told)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' Random
    assert choice_of(shuffled, unit, sol_usd) == choice_of(told, unit, sol_usd)


@given(readings(), UNITS, SOL_USD)
def test_what_is_not_usable_never_changes_the_choice(
    told: list[PriceReading], unit: Unit, sol_usd: float | None
) -> None:
    """So a stale reading is never chosen while a fresh one is there, nor does it lower confidence."""
    choice = choice_of(told, unit, sol_usd)
    usable = [stood.reading for stood in choice.readings if stood.standing not in UNUSABLE]
    alone = choice_of(usable, unit, sol_usd)
    assert (alone.price, alone.chosen, alone.disagreement) == (choice.price, choice.chosen, choice.disagreement)


@given(readings(), UNITS, SOL_USD)
def test_a_disagreement_is_beyond_the_limit_and_one_that_is_there(
    told: list[PriceReading], unit: Unit, sol_usd: float | None
) -> None:
    choice = choice_of(told, unit, sol_usd)
    apart = [stood.deviation for stood in choice.readings if stood.standing is Standing.DISAGREES]
    agreeing = [stood.deviation for stood in choice.readings if stood.standing is Standing.OUTRANKED]
    assert choice.disagreement in (0.0, max(apart, default=0.0))
    assert all(deviation > LIMITS.deviation_fraction_max for deviation in apart)
    assert all(deviation <= LIMITS.deviation_fraction_max for deviation in agreeing)


@given(readings(), UNITS, SOL_USD)
def test_one_voice_against_one_is_a_dispute(told: list[PriceReading], unit: Unit, sol_usd: float | None) -> None:
    choice = choice_of(told, unit, sol_usd)
    usable = [stood for stood in choice.readings if stood.standing not in UNUSABLE]
    if len(usable) == 2 and len({stood.reading.source.voice for stood in usable}) == 2:
        assert (choice.disagreement > 0.0) is any(stood.standing is Standing.DISAGREES for stood in usable)
