"""What paper leaves out when it fills at once on pools that do not move, put back in: values in, values out.

| model   | what it says                                                                                              |
|---------|-----------------------------------------------------------------------------------------------------------|
| taken   | what paper took of a pool stays taken until the market has traded it (`local_quote/taken_depth.py`); a    |
|         | plan for the very amounts of one before finds its pools where they stood, and would take the same again   |
| latency | a transaction lands some time after it was sent, on the pools as they stand by then                       |
| rivals  | somebody else may be first; then the gap is theirs, and as taken as if paper had it                       |

Latency and rivals are drawn from a seed and the plan, not from a generator: the same plan meets the same fate on every
executor and in every replay. What each model adds to the profit is told beside it; taken from the profit, the three
give what the naive fill would have made, to the lamport.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from pipeline.costs import Costs
from pipeline.executor.result import Effects, Ending, filled, missed, refused
from pipeline.executor.result import failed as failed_ending
from pipeline.simulation import Simulation
from quote_core.events import ExecutionPlan, ExecutionResult, Hop, Outcome, TakenDepth, derived_id
from quote_core.units import BPS, Pubkey

__all__ = ["REMEMBERED_COUNT_MAX", "Landing", "PaperModel", "TakenBook", "ending_of", "landing_of", "priced"]

REMEMBERED_COUNT_MAX: Final = 10_000
"""Plans, and depths of a pool in a direction; beyond, those longest untouched are forgotten."""

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperModel:
    """What the draws are made from; bounds are drawn evenly and included."""

    landing_ns_min: int
    landing_ns_max: int
    rival_first_bps: int
    seed: int


@dataclass(frozen=True, slots=True)
class Landing:
    """What becomes of one transaction on its way."""

    latency_ns: int
    is_rival_first: bool


def landing_of(plan: ExecutionPlan, model: PaperModel) -> Landing:
    """The draw for a plan: by what it trades, at which slot, and the seed."""
    pools = (part for hop in plan.hops for part in (hop.pool_id, hop.input_amount))
    drawn = derived_id("landing", model.seed, plan.header.slot, plan.amount_in, plan.expected_amount_out, *pools)
    latency_draw, rival_draw = int.from_bytes(drawn[:8], "little"), int.from_bytes(drawn[8:], "little")
    spread_ns = model.landing_ns_max - model.landing_ns_min + 1
    return Landing(model.landing_ns_min + latency_draw % spread_ns, rival_draw % BPS < model.rival_first_bps)


class TakenBook:
    """What paper has taken and not given back. Knows no stream and no clock."""

    def __init__(self) -> None:
        self._depths: OrderedDict[tuple[Pubkey, Pubkey], TakenDepth] = OrderedDict()
        self._plans: OrderedDict[bytes, None] = OrderedDict()
        self._gaps: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()

    def take(self, plan: ExecutionPlan | ExecutionResult, depths: Iterable[TakenDepth]) -> None:
        """Note what a plan took; each depth holds all that was taken of its pool before. A plan counts once."""
        plan_id = _plan_id(plan)
        if plan_id in self._plans:
            return
        _remember(self._plans, plan_id, None)
        _remember(self._gaps, _gap(plan), plan_id)
        for depth in depths:
            _remember(self._depths, (depth.pool_id, depth.input_mint), depth)

    def depth(self, hop: Hop) -> TakenDepth | None:
        """What is taken of the hop's pool in its direction."""
        return self._depths.get((hop.pool_id, hop.input_mint))

    def depths(self, plan: ExecutionPlan) -> tuple[TakenDepth | None, ...]:
        """The same for each hop of a plan."""
        return tuple(map(self.depth, plan.hops))

    def taker(self, plan: ExecutionPlan) -> bytes | None:
        """The plan that has taken this very gap."""
        return self._gaps.get(_gap(plan))


def priced(plan: ExecutionPlan, costs: Costs, simulation: Simulation) -> Ending:
    """How the plan ends on the pools as simulated: filled, or short of its least output or of a hop's."""
    if short := _short(plan, simulation):
        return failed_ending(costs, f"slippage: {short}", reached_chain=True, slot=simulation.slot)
    return filled(plan, costs, hops=simulation.hops, amount_out=simulation.amount_out, slot=simulation.slot)


def _short(plan: ExecutionPlan, simulation: Simulation) -> str:
    """What came out too little, as the transaction's own instructions would find; empty = nothing."""
    if simulation.amount_out < plan.min_amount_out:
        return f"{simulation.amount_out} out, at least {plan.min_amount_out} needed"
    # A plan of before hops had least outputs has none.
    for number, (hop, least) in enumerate(zip(simulation.hops, plan.hop_min_amounts_out, strict=False), start=1):
        if hop.output_amount < least:
            return f"hop {number} gives {hop.output_amount}, at least {least} needed"
    return ""


def ending_of(
    costs: Costs,
    *,
    naive: Ending,
    sent: Ending | None,
    landed: Ending | None,
    landing: Landing,
    depths: tuple[TakenDepth, ...],
) -> Ending:
    """How a plan ends, with what each model made of its profit.

    Args:
        costs: The plan's.
        naive: At once, on the pools as if paper had never traded.
        sent: At once, behind what paper has taken; `None` = nothing is left of the gap.
        landed: When the transaction lands, behind what paper has taken by then; `None` when it was not sent.
        landing: What became of it on its way.
        depths: What counts as taken once it has landed.
    """
    if naive.outcome is not Outcome.FILLED:
        return naive
    if sent is None or sent.outcome is not Outcome.FILLED:
        left = "nothing of the gap is left" if sent is None else f"what is left of the gap: {sent.reason}"
        return _told(refused(f"taken: paper took this depth before, {left}"), Effects(taken=-naive.profit_lamports))
    assert landed is not None
    taken = sent.profit_lamports - naive.profit_lamports
    if landed.outcome is not Outcome.FILLED:
        gone = missed(costs, f"moved: {landed.reason}", slot=landed.slot)
        return _told(gone, Effects(taken=taken, latency=gone.profit_lamports - sent.profit_lamports))
    latency = landed.profit_lamports - sent.profit_lamports
    if landing.is_rival_first:
        lost = replace(missed(costs, "rival: somebody else was first", slot=landed.slot), taken=depths)
        rivals = lost.profit_lamports - landed.profit_lamports
        return _told(lost, Effects(taken=taken, latency=latency, rivals=rivals))
    return _told(replace(landed, taken=depths), Effects(taken=taken, latency=latency))


def _told(ending: Ending, effects: Effects) -> Ending:
    return replace(ending, effects=effects)


def _plan_id(plan: ExecutionPlan | ExecutionResult) -> bytes:
    return plan.plan_id if isinstance(plan, ExecutionResult) else plan.header.event_id


def _gap(plan: ExecutionPlan | ExecutionResult) -> tuple[str, int, int]:
    return plan.pair, plan.amount_in, plan.expected_amount_out


def _remember(remembered: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    remembered[key] = value
    remembered.move_to_end(key)
    if len(remembered) > REMEMBERED_COUNT_MAX:
        remembered.popitem(last=False)
