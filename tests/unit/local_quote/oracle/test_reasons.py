"""Why a reading is not used, in words."""

import pytest
from fakes.oracle_readings import EPOCH, LIMITS, TIME, reading

from local_quote.oracle.policy import choose
from local_quote.oracle.reading import PriceReading, Source, Unit
from local_quote.oracle.reasons import reason

PYTH = reading(Source.PYTH, 100.0)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (reading(Source.JUPITER, 100.5), "agrees within 0.5 %"),
        (reading(Source.JUPITER, 105.0), "5 % off the chosen price, more than 2 %"),
        (reading(Source.HERMES, 100.0, age_s=61), "published 61 s ago"),
        (reading(Source.JUPITER, 100.0, vouched_s=61.0), "nobody vouched for it within 60 s"),
        (reading(Source.SWITCHBOARD, 100.0, age_s=20, slots_max=10), "published 20 s ago"),
        (reading(Source.JUPITER, 100.0, age_s=-31), "published ahead of the chain's own time"),
        (reading(Source.SWITCHBOARD, 100.0, conf=3.0), "an interval of 3 % either way, more than 2 %"),
        (reading(Source.RATE, 1.2, epoch=EPOCH - 2), f"of epoch {EPOCH - 2}, and now is {EPOCH}"),
    ],
)
def test_a_reason_has_the_figures_it_rests_on(told: PriceReading, why: str) -> None:
    chosen, other = choose([PYTH, told], unit=Unit.USD, sol_usd=80.0, now=TIME, limits=LIMITS).readings
    assert (chosen.reading, reason(chosen, TIME, LIMITS)) == (PYTH, "")
    assert reason(other, TIME, LIMITS) == why


def test_dollars_without_a_price_of_sol_say_so() -> None:
    (only,) = choose([PYTH], unit=Unit.SOL, sol_usd=None, now=TIME, limits=LIMITS).readings
    assert reason(only, TIME, LIMITS) == "in dollars, and SOL has no price"
