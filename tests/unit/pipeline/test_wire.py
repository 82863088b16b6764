import pytest
from fakes.pipeline_events import POOL_A, POOL_B, SOL, USDC

from pipeline.wire import simulation_from
from quote_core.errors import LayoutMismatch
from quote_core.generated.solquote.v1 import local_quote_pb2 as messages
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.quotes import Provenance


def answer() -> messages.SimulateRouteResponse:
    made = messages.SimulateRouteResponse(
        output_amount=3, slot=7, pool_state_age_ms=40, price_impacts=[0.0001, 0.0002], depth_amounts=[10, 20]
    )
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
    assert (simulation.amount_out, simulation.slot, simulation.pool_state_age_ms) == (3, 7, 40)
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
