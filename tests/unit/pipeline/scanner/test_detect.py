import pytest

from pipeline.scanner.detect import Leg, RoundTrip, Thresholds, best_round_trip, divergence
from pipeline.settings import CostSettings
from quote_core.units import LAMPORTS_PER_SOL

SOL = LAMPORTS_PER_SOL
USD = 1_000_000
RATES = CostSettings().rates()
THRESHOLDS = Thresholds(gross_profit_bps_min=50, divergence_bps_min=100, size_tolerance_bps=500)


def leg(row: int, input_amount: int, output_amount: int, *, oracle_price: float | None = None, slot: int = 1) -> Leg:
    return Leg(
        row=row,
        version=2,
        input_amount=input_amount,
        output_amount=output_amount,
        vouched_unix_ns=1_000 + row,
        route_id=row,
        slot=slot,
        confidence_bps=9_000,
        price_impact_ppm=10,
        oracle_price=oracle_price,
    )


def test_a_round_trip_of_equal_size_gains_its_difference_less_all_costs() -> None:
    trip = best_round_trip(
        [leg(0, SOL, 140 * USD)], [leg(1, 140 * USD, SOL * 101 // 100)], rates=RATES, thresholds=THRESHOLDS
    )
    assert trip is not None
    assert trip.gross_profit_lamports == 10_000_000
    assert trip.gross_profit_bps == 100
    assert trip.net_profit_lamports == 10_000_000 - 500_000 - 10_000 - 5_000


def test_the_reverse_output_is_scaled_to_what_forward_gives_and_rounded_down() -> None:
    trip = best_round_trip(
        [leg(0, SOL, 139_000_001)], [leg(1, 140 * USD, SOL * 103 // 100)], rates=RATES, thresholds=THRESHOLDS
    )
    assert trip is not None
    assert trip.amount_out == 1_030_000_000 * 139_000_001 // 140_000_000


def test_rows_of_another_economic_size_are_not_matched() -> None:
    forward = [leg(0, SOL, 140 * USD)]
    assert best_round_trip(forward, [leg(1, 148 * USD, 2 * SOL)], rates=RATES, thresholds=THRESHOLDS) is None
    assert best_round_trip(forward, [leg(1, 147 * USD, 2 * SOL)], rates=RATES, thresholds=THRESHOLDS) is not None


def test_the_nearest_size_is_taken_and_among_equals_the_higher_output() -> None:
    reverses = [leg(1, 138 * USD, 2 * SOL), leg(2, 141 * USD, SOL * 102 // 100), leg(3, 141 * USD, SOL * 103 // 100)]
    trip = best_round_trip([leg(0, SOL, 140 * USD)], reverses, rates=RATES, thresholds=THRESHOLDS)
    assert trip is not None
    assert trip.reverse.row == 3


def test_the_amount_with_the_highest_net_profit_is_taken() -> None:
    forwards = [leg(0, SOL, 140 * USD), leg(1, 10 * SOL, 1_400 * USD)]
    reverses = [leg(2, 140 * USD, SOL * 102 // 100), leg(3, 1_400 * USD, 10 * SOL * 101 // 100)]
    trip = best_round_trip(forwards, reverses, rates=RATES, thresholds=THRESHOLDS)
    assert trip is not None
    assert trip.forward.row == 1  # 1 % of ten is more than 2 % of one


def test_below_the_threshold_nothing_is_found() -> None:
    forwards, reverse_49_bps = [leg(0, SOL, 140 * USD)], [leg(1, 140 * USD, SOL * 10_049 // 10_000)]
    assert best_round_trip(forwards, reverse_49_bps, rates=RATES, thresholds=THRESHOLDS) is None


def test_a_gain_that_the_fixed_costs_eat_is_none() -> None:
    forwards, reverses = [leg(0, 1_000_000, 140_000)], [leg(1, 140_000, 1_010_000)]
    assert best_round_trip(forwards, reverses, rates=RATES, thresholds=THRESHOLDS) is None


def test_a_pair_with_one_side_only_offers_nothing() -> None:
    assert best_round_trip([leg(0, SOL, 140 * USD)], [], rates=RATES, thresholds=THRESHOLDS) is None
    assert best_round_trip([], [leg(1, 140 * USD, 2 * SOL)], rates=RATES, thresholds=THRESHOLDS) is None


def test_a_trip_has_the_older_legs_time_and_the_newer_legs_slot() -> None:
    trip = best_round_trip(
        [leg(0, SOL, 140 * USD, slot=7)],
        [leg(1, 140 * USD, SOL * 101 // 100, slot=5)],
        rates=RATES,
        thresholds=THRESHOLDS,
    )
    assert trip is not None
    assert (trip.slot, trip.oldest.vouched_unix_ns) == (7, 1_000)


def test_divergence_is_of_the_smallest_amount_and_decimal_adjusted() -> None:
    legs = [leg(0, SOL, 142 * USD, oracle_price=140.0), leg(1, 10 * SOL, 1_300 * USD, oracle_price=140.0)]
    found = divergence(legs, input_decimals=9, output_decimals=6, thresholds=THRESHOLDS)
    assert found is not None
    assert found.leg.row == 0
    assert abs(found.rate - 142.0) < 1e-9
    assert found.divergence_bps == 143


def test_a_rate_below_the_oracle_diverges_too() -> None:
    found = divergence(
        [leg(0, SOL, 138 * USD, oracle_price=140.0)], input_decimals=9, output_decimals=6, thresholds=THRESHOLDS
    )
    assert found is not None
    assert found.divergence_bps == -143


def test_without_an_oracle_price_nothing_diverges() -> None:
    legs = [leg(0, SOL, 142 * USD)]
    assert divergence(legs, input_decimals=9, output_decimals=6, thresholds=THRESHOLDS) is None


def test_a_gain_no_market_gives_is_known_as_such() -> None:
    def trip(lamports_back: int) -> RoundTrip:
        found = best_round_trip(
            [leg(0, SOL, 140 * USD)], [leg(1, 140 * USD, lamports_back)], rates=RATES, thresholds=THRESHOLDS
        )
        assert found is not None
        return found

    assert trip(101 * SOL).is_plausible
    assert not trip(102 * SOL).is_plausible
    assert not trip(2**63 - 1).is_plausible


@pytest.mark.parametrize("oracle_price", [5e-324, 1e-300])
def test_a_rate_beyond_all_numbers_is_no_error(oracle_price: float) -> None:
    found = divergence(
        [leg(0, SOL, 140 * USD, oracle_price=oracle_price)], input_decimals=9, output_decimals=6, thresholds=THRESHOLDS
    )
    assert found is not None
    assert not found.is_plausible
