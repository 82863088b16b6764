from dataclasses import replace

import pytest
from fakes.pipeline_events import JITOSOL, SOL, USDC, cycle, opportunity

from pipeline.planner.proposed import proposed_trip
from quote_core.errors import InvalidField


def test_a_round_trip_leads_there_and_back() -> None:
    trip = proposed_trip(opportunity(amount_in=1_000, amount_out=1_010))
    assert trip.hops == ((SOL, USDC), (USDC, SOL))
    assert (trip.amount_in, trip.amount_out) == (1_000, 1_010)


def test_a_cycle_leads_back_to_where_it_began() -> None:
    trip = proposed_trip(cycle(amounts=(1_000, 140, 820, 1_010)))
    assert trip.hops == ((SOL, USDC), (USDC, JITOSOL), (JITOSOL, SOL))
    assert (trip.amount_in, trip.amount_out) == (1_000, 1_010)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"mints": ()}, "mints"),
        ({"mints": (SOL, USDC)}, "mints"),
        ({"mints": (SOL, USDC, JITOSOL, SOL, USDC)}, "mints"),
        ({"amounts": ()}, "amounts"),
        ({"amounts": (1, 2, 3)}, "amounts"),
    ],
)
def test_a_cycle_that_contradicts_itself_is_refused(changes: dict[str, tuple[object, ...]], field: str) -> None:
    with pytest.raises(InvalidField, match=field):
        proposed_trip(replace(cycle(), **changes))
