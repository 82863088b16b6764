"""What a round trip costs beside its swaps, in lamports. One formula for whoever finds, plans or fills one.

| cost      | lamports                                               | paid when                        |
|-----------|--------------------------------------------------------|----------------------------------|
| flash     | ceil(amount * 5 bps), Kamino's 0.05 %                  | the trip lands                   |
| tip       | 10,000                                                 | the bundle lands                 |
| signature | 5,000 for each signature                               | the transaction is processed     |
| priority  | ceil(compute units * price in micro-lamports / 10**6)  | the transaction is processed     |

A plan chooses its tip and its priority fee; what the lender and the chain take for a signature it does not choose,
so whoever executes it computes those two himself.
"""

from dataclasses import dataclass

from quote_core.events import ExecutionPlan
from quote_core.units import BPS

__all__ = ["CostRates", "Costs", "costs_of_plan", "round_trip_costs"]

_MICRO_LAMPORTS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRates:
    """What the costs are computed from; see `pipeline.settings.CostSettings`."""

    flash_loan_fee_bps: int
    tip_lamports: int
    signature_fee_lamports: int
    signature_count: int
    compute_unit_price_micro_lamports: int
    compute_units_base: int
    compute_units_per_hop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The costs of one trip."""

    flash_fee_lamports: int
    tip_lamports: int
    signature_fee_lamports: int
    priority_fee_lamports: int
    compute_unit_limit: int

    @property
    def network_fee_lamports(self) -> int:
        """What the chain itself takes."""
        return self.signature_fee_lamports + self.priority_fee_lamports

    @property
    def total_lamports(self) -> int:
        """Everything."""
        return self.flash_fee_lamports + self.tip_lamports + self.network_fee_lamports


def round_trip_costs(amount_lamports: int, *, hop_count: int, rates: CostRates) -> Costs:
    """The costs of borrowing `amount_lamports`, swapping `hop_count` times and paying back; rounded up."""
    compute_unit_limit = rates.compute_units_base + hop_count * rates.compute_units_per_hop
    return Costs(
        flash_fee_lamports=_flash_fee(amount_lamports, rates),
        tip_lamports=rates.tip_lamports,
        signature_fee_lamports=_signature_fee(rates),
        priority_fee_lamports=_div_ceil(compute_unit_limit * rates.compute_unit_price_micro_lamports, _MICRO_LAMPORTS),
        compute_unit_limit=compute_unit_limit,
    )


def costs_of_plan(plan: ExecutionPlan, rates: CostRates) -> Costs:
    """What executing `plan` costs: its own tip and priority fee, and all else by `rates`."""
    return Costs(
        flash_fee_lamports=_flash_fee(plan.amount_in, rates),
        tip_lamports=plan.tip_lamports,
        signature_fee_lamports=_signature_fee(rates),
        priority_fee_lamports=plan.priority_fee_lamports,
        compute_unit_limit=plan.compute_unit_limit,
    )


def _flash_fee(amount_lamports: int, rates: CostRates) -> int:
    return _div_ceil(amount_lamports * rates.flash_loan_fee_bps, BPS)


def _signature_fee(rates: CostRates) -> int:
    return rates.signature_fee_lamports * rates.signature_count


def _div_ceil(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
