from hypothesis import given
from hypothesis import strategies as st

from pipeline.scanner.detect import Leg, Thresholds, best_round_trip
from pipeline.settings import CostSettings

RATES = CostSettings().rates()
AMOUNTS = st.integers(1, 2**63)


@st.composite
def legs(draw: st.DrawFn, first_row: int) -> list[Leg]:
    sizes = draw(st.lists(st.tuples(AMOUNTS, AMOUNTS), max_size=8))
    return [
        Leg(
            row=first_row + position,
            version=2,
            input_amount=input_amount,
            output_amount=output_amount,
            vouched_unix_ns=1,
            route_id=1,
            slot=1,
            confidence_bps=1,
            price_impact_ppm=1,
            oracle_price=None,
        )
        for position, (input_amount, output_amount) in enumerate(sizes)
    ]


@given(legs(0), legs(100), st.integers(0, 500), st.integers(0, 10_000))
def test_what_is_found_gains_after_costs_is_of_one_size_and_is_the_best(
    forwards: list[Leg], reverses: list[Leg], gross_bps_min: int, tolerance_bps: int
) -> None:
    thresholds = Thresholds(gross_profit_bps_min=gross_bps_min, divergence_bps_min=1, size_tolerance_bps=tolerance_bps)
    trip = best_round_trip(forwards, reverses, rates=RATES, thresholds=thresholds)
    if trip is None:
        return
    assert trip.net_profit_lamports > 0
    assert trip.gross_profit_lamports * 10_000 >= gross_bps_min * trip.forward.input_amount
    assert abs(trip.reverse.input_amount - trip.forward.output_amount) * 10_000 <= (
        tolerance_bps * trip.forward.output_amount
    )
    # exactly as much comes back as the reverse row's own rate allows, never more
    assert trip.amount_out * trip.reverse.input_amount <= trip.reverse.output_amount * trip.forward.output_amount
    alone = [best_round_trip([forward], reverses, rates=RATES, thresholds=thresholds) for forward in forwards]
    assert trip.net_profit_lamports == max(each.net_profit_lamports for each in alone if each is not None)


@given(legs(0), legs(100))
def test_the_order_of_rows_does_not_matter(forwards: list[Leg], reverses: list[Leg]) -> None:
    thresholds = Thresholds(gross_profit_bps_min=0, divergence_bps_min=1, size_tolerance_bps=500)
    one = best_round_trip(forwards, reverses, rates=RATES, thresholds=thresholds)
    other = best_round_trip(forwards, reverses[::-1], rates=RATES, thresholds=thresholds)
    assert (one and one.net_profit_lamports) == (other and other.net_profit_lamports)
