import math

import pytest
from fakes.fake_clock import FakeClock
from fakes.pipeline_events import POOL_A, POOL_B, SOL, USDC
from fakes.vouched import freshness_message, vouched

from pipeline.wire import simulation_from
from quote_core.errors import LayoutMismatch
from quote_core.freshness import NEVER_VOUCHED
from quote_core.generated.solquote.v1 import local_quote_pb2 as messages
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.quotes import Provenance


def answer() -> messages.SimulateRouteResponse:
    made = messages.SimulateRouteResponse(
        output_amount=3, slot=7, price_impacts=[0.0001, 0.0002], depth_amounts=[10, 20]
    )
    made.freshness.CopyFrom(freshness_message(FakeClock(), age_ns=40_000_000, slot=6))
    for pool, mints, amounts in ((POOL_A, (SOL, USDC), (1, 2)), (POOL_B, (USDC, SOL), (2, 3))):
        made.route.add(
            pool_id=pool,
            input_mint=mints[0],
            output_mint=mints[1],
            input_amount=amounts[0],
            output_amount=amounts[1],
            provenance=quotes_pb2.PROVENANCE_SYNTHETIC,
        )
    return made


def test_an_answer_becomes_a_simulation() -> None:
    simulation = simulation_from(answer(), hop_count=2)
    assert [hop.pool_id for hop in simulation.hops] == [POOL_A, POOL_B]
    assert simulation.hops[0].provenance is Provenance.SYNTHETIC
    assert (simulation.amount_out, simulation.slot) == (3, 7)
    assert simulation.freshness == vouched(FakeClock(), age_ns=40_000_000, slot=6)
    assert simulation.price_impact_ppm == 300
    assert simulation.depth_amounts == (10, 20)


def test_an_answer_to_another_question_is_refused() -> None:
    with pytest.raises(LayoutMismatch, match="3 hops"):
        simulation_from(answer(), hop_count=3)
    short = answer()
    del short.depth_amounts[:]
    with pytest.raises(LayoutMismatch, match="2 hops"):
        simulation_from(short, hop_count=2)


def test_a_hop_of_no_known_provenance_is_refused() -> None:
    unspecified = answer()
    unspecified.route[0].provenance = quotes_pb2.PROVENANCE_UNSPECIFIED
    with pytest.raises(LayoutMismatch):
        simulation_from(unspecified, hop_count=2)


@pytest.mark.parametrize("impact", [math.nan, math.inf, 1e308, 1.01])
def test_an_impact_that_is_no_fraction_is_refused(impact: float) -> None:
    spoiled = answer()
    spoiled.price_impacts[1] = impact
    with pytest.raises(LayoutMismatch, match="impact"):
        simulation_from(spoiled, hop_count=2)


def test_an_answer_that_does_not_say_when_was_never_vouched_for() -> None:
    undated = answer()
    undated.ClearField("freshness")
    assert simulation_from(undated, hop_count=2).freshness == NEVER_VOUCHED


def test_what_would_count_as_taken_comes_back_for_each_hop_or_the_answer_is_refused() -> None:
    told = answer()
    with pytest.raises(LayoutMismatch, match="does not say what 2 hops take"):
        simulation_from(told, hop_count=2, with_taken=True)
    for amount in (10, 20):
        told.taken.add(input_amount=amount, price_before=1.0, price_after=2.0, since_slot=6)
    taken = simulation_from(told, hop_count=2, with_taken=True).taken
    assert [(depth.pool_id, depth.input_mint, depth.input_amount) for depth in taken] == [
        (POOL_A, SOL, 10),
        (POOL_B, USDC, 20),
    ]
    told.taken[1].price_after = math.nan
    with pytest.raises(LayoutMismatch, match="no number"):
        simulation_from(told, hop_count=2, with_taken=True)
