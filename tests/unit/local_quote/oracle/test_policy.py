"""Which of several readings is used, and why not the others."""

import pytest
from fakes.oracle_readings import EPOCH, LIMITS, NOW_S, SLOT, TIME, reading, vouched

from local_quote.oracle.policy import Choice, PolicyLimits, Standing, age_ns, choose
from local_quote.oracle.reading import PriceReading, Source, Unit

HERMES, PYTH, SWITCHBOARD, JUPITER, RATE = (
    Source.HERMES, Source.PYTH, Source.SWITCHBOARD, Source.JUPITER, Source.RATE,
)  # fmt: skip


def chosen(*readings: PriceReading, limits: PolicyLimits = LIMITS, sol_usd: float | None = 80.0) -> Choice:
    unit = Unit.SOL if any(one.source is RATE for one in readings) else Unit.USD
    return choose(readings, unit=unit, sol_usd=sol_usd, now=TIME, limits=limits)


def standings(choice: Choice) -> dict[Source, Standing]:
    return {stood.reading.source: stood.standing for stood in choice.readings}


def test_without_a_reading_there_is_no_price() -> None:
    assert chosen() == Choice(None, None, None, 0.0, ())


def test_the_only_usable_reading_is_the_price() -> None:
    choice = chosen(reading(PYTH, 80.0))
    assert (choice.price, choice.disagreement, standings(choice)) == (80.0, 0.0, {PYTH: Standing.CHOSEN})


def test_of_those_that_agree_the_better_source_is_taken_and_the_others_are_outranked() -> None:
    choice = chosen(reading(JUPITER, 80.4), reading(SWITCHBOARD, 80.2), reading(PYTH, 80.0))
    assert choice.price == 80.0
    assert standings(choice) == {
        PYTH: Standing.CHOSEN, SWITCHBOARD: Standing.OUTRANKED, JUPITER: Standing.OUTRANKED,
    }  # fmt: skip
    assert choice.disagreement == 0.0


def test_of_one_voice_the_newest_is_taken() -> None:
    assert chosen(reading(PYTH, 80.0, age_s=20), reading(HERMES, 81.0, age_s=1)).price == 81.0
    assert chosen(reading(PYTH, 80.0, age_s=1), reading(HERMES, 81.0, age_s=20)).price == 80.0
    assert chosen(reading(PYTH, 80.0), reading(HERMES, 81.0)).price == 80.0  # the account was verified by the chain


@pytest.mark.parametrize(
    ("told", "standing"),
    [
        (reading(PYTH, 80.0, age_s=60), Standing.CHOSEN),
        (reading(PYTH, 80.0, age_s=61), Standing.STALE),
        (reading(PYTH, 80.0, vouched_s=60.0), Standing.CHOSEN),
        (reading(PYTH, 80.0, vouched_s=60.1), Standing.STALE),
        (reading(PYTH, 80.0, age_s=-30), Standing.CHOSEN),
        (reading(PYTH, 80.0, age_s=-31), Standing.AHEAD),
        (reading(PYTH, 80.0, conf=1.6), Standing.CHOSEN),
        (reading(PYTH, 80.0, conf=1.7), Standing.WIDE),
        (reading(SWITCHBOARD, 80.0, age_s=60), Standing.CHOSEN),
        (reading(SWITCHBOARD, 80.0, age_s=61), Standing.STALE),
        (reading(SWITCHBOARD, 80.0, age_s=-31), Standing.AHEAD),
        (reading(SWITCHBOARD, 80.0, age_s=20, slots_max=50), Standing.CHOSEN),
        (reading(SWITCHBOARD, 80.0, age_s=20, slots_max=49), Standing.STALE),
        (reading(RATE, 1.2, epoch=EPOCH - 1), Standing.CHOSEN),
        (reading(RATE, 1.2, epoch=EPOCH - 2), Standing.STALE),
        (reading(RATE, 1.2, epoch=EPOCH + 1), Standing.CHOSEN),
        (reading(RATE, 1.2, epoch=EPOCH + 2), Standing.AHEAD),
    ],
)
def test_what_is_too_old_too_new_or_too_wide_is_not_used(told: PriceReading, standing: Standing) -> None:
    choice = chosen(told)
    assert standings(choice) == {told.source: standing}
    assert (choice.price is not None) is (standing is Standing.CHOSEN)
    assert choice.last is not None
    assert choice.last.reading is told


def test_a_stale_reading_is_not_used_while_another_is_fresh() -> None:
    choice = chosen(reading(PYTH, 80.0, age_s=75), reading(SWITCHBOARD, 70.0))
    assert (choice.price, choice.disagreement) == (70.0, 0.0)
    assert standings(choice) == {SWITCHBOARD: Standing.CHOSEN, PYTH: Standing.STALE}


def test_two_that_disagree_are_a_dispute_and_the_better_source_is_taken() -> None:
    choice = chosen(reading(SWITCHBOARD, 84.0), reading(PYTH, 80.0))
    assert (choice.price, choice.disagreement) == (80.0, pytest.approx(0.05))
    assert standings(choice)[SWITCHBOARD] is Standing.DISAGREES


def test_at_the_limit_they_agree_and_a_higher_limit_ends_the_dispute() -> None:
    apart = [reading(PYTH, 100.0), reading(SWITCHBOARD, 102.0)]
    assert chosen(*apart).disagreement == 0.0
    strict = PolicyLimits(age_s_max=60, epoch_age_max=1, conf_fraction_max=0.02, deviation_fraction_max=0.019)
    assert chosen(*apart, limits=strict).disagreement == pytest.approx(0.02)


def test_two_voices_outvote_a_third_whoever_it_is() -> None:
    choice = chosen(reading(PYTH, 100.0), reading(SWITCHBOARD, 90.0), reading(JUPITER, 90.5))
    assert (choice.price, choice.disagreement) == (90.0, 0.0)
    assert standings(choice)[PYTH] is Standing.DISAGREES


def test_pyth_twice_is_one_voice_and_outvotes_nobody() -> None:
    choice = chosen(reading(PYTH, 100.0), reading(HERMES, 100.1), reading(SWITCHBOARD, 90.0))
    assert choice.price == 100.0
    assert choice.disagreement == pytest.approx(1 / 9)


def test_of_three_in_a_row_the_middle_one_agrees_with_both() -> None:
    choice = chosen(reading(PYTH, 100.0), reading(SWITCHBOARD, 101.5), reading(JUPITER, 103.0))
    assert (choice.price, choice.disagreement) == (101.5, 0.0)


def test_a_staking_token_is_held_against_dollars_through_the_price_of_sol() -> None:
    choice = chosen(reading(RATE, 1.2), reading(JUPITER, 96.0), sol_usd=80.0)
    assert (choice.price, standings(choice)[JUPITER]) == (1.2, Standing.OUTRANKED)
    apart = chosen(reading(RATE, 1.2), reading(JUPITER, 86.4), sol_usd=80.0)
    assert apart.disagreement == pytest.approx(1 / 9)


def test_without_a_price_of_sol_dollars_say_nothing_of_a_staking_token() -> None:
    choice = chosen(reading(RATE, 1.2), reading(JUPITER, 96.0), sol_usd=None)
    assert choice.price == 1.2
    assert standings(choice)[JUPITER] is Standing.UNPRICED


def test_a_readings_age_is_since_it_was_published_or_else_since_it_was_vouched_for() -> None:
    assert age_ns(reading(PYTH, 80.0, age_s=7, vouched_s=3.0), TIME) == 7 * 10**9
    assert age_ns(reading(SWITCHBOARD, 80.0, age_s=4, vouched_s=3.0), TIME) == 4 * 10**9
    assert age_ns(reading(RATE, 1.2, vouched_s=3.0), TIME) == 3 * 10**9
    assert age_ns(reading(PYTH, 80.0, age_s=-5), TIME) == 0


def test_a_time_told_beside_a_slot_counts_alone() -> None:
    told = PriceReading(
        source=SWITCHBOARD,
        price=80.0,
        unit=Unit.USD,
        freshness=vouched(0.0),
        published_unix_s=NOW_S,
        published_slot=SLOT - 10_000,
    )
    assert standings(chosen(told)) == {SWITCHBOARD: Standing.CHOSEN}
