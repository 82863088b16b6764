import pytest

from pipeline.costs import CostRates, round_trip_costs
from pipeline.settings import CostSettings
from quote_core.settings import SettingsError

DEFAULTS = CostSettings().rates()


def test_the_defaults_are_the_specifications() -> None:
    costs = round_trip_costs(1_000_000_000, hop_count=2, rates=DEFAULTS)
    assert costs.flash_fee_lamports == 500_000  # 0.05 %
    assert costs.tip_lamports == 10_000
    assert costs.network_fee_lamports == 5_000
    assert costs.total_lamports == 515_000


@pytest.mark.parametrize(("amount", "fee"), [(1, 1), (1_999, 1), (2_000, 1), (2_001, 2)])
def test_the_flash_loan_fee_is_rounded_up(amount: int, fee: int) -> None:
    assert round_trip_costs(amount, hop_count=2, rates=DEFAULTS).flash_fee_lamports == fee


def test_the_priority_fee_follows_from_compute_units_and_is_rounded_up() -> None:
    rates = CostRates(
        flash_loan_fee_bps=0,
        tip_lamports=0,
        signature_fee_lamports=5_000,
        signature_count=2,
        compute_unit_price_micro_lamports=3,
        compute_units_base=100_000,
        compute_units_per_hop=150_000,
    )
    costs = round_trip_costs(1, hop_count=3, rates=rates)
    assert costs.compute_unit_limit == 550_000
    assert costs.priority_fee_lamports == 2  # 1.65
    assert costs.network_fee_lamports == 10_002


def test_a_fee_of_more_than_everything_is_no_setting() -> None:
    with pytest.raises(SettingsError, match="SOLQUOTE_COSTS_FLASH_LOAN_FEE_BPS"):
        CostSettings.load(environ={"SOLQUOTE_COSTS_FLASH_LOAN_FEE_BPS": "10001"})
