"""What all executors together may do, whatever is planned: trades a minute, lamports in one pair, loss of a day.

| stop       | refuses a plan when                                                   | known from                      |
|------------|-----------------------------------------------------------------------|---------------------------------|
| rate       | so many trades were begun within a minute, by any executor            | CLAIMS, up to its last message  |
| exposure   | one of its pairs would have more lamports in it at once, of plans     | CLAIMS less EXECUTED            |
|            | begun by any executor whose ending is not known                       |                                 |
| daily loss | the results of this UTC day lost so much, of all executors and runs   | EXECUTED and our own endings    |

Each limit is the executor's setting, and no setting is above the maxima in `pipeline.executor.maxima`. A release of the
kill switch resets none. A claim is made in full knowledge of all before it, so the first two are never exceeded by two
executors at once. An ending may be heard late: until then a trade counts as open, and for at most `open_ns_max`. What
is under way when the day's loss is reached goes on.

A pair here is two tokens in either direction. Every trade begins and ends in SOL, so what a trade puts into each pair
of its route is counted as the lamports it began with. Knows no stream and no clock.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.auditor.ledger import DAY_NS
from pipeline.executor.begun import Begun, Now
from pipeline.executor.memory import REMEMBERED_COUNT_MAX
from quote_core.events import Claim, ExecutionPlan, ExecutionResult, Hop
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["HardLimits", "HardStops"]

MINUTE_NS: Final = 60 * NS_PER_S
DAYS_COUNT_MAX: Final = 8
"""Days whose profit is held apart: today's, and what clocks that were set took for it."""

_TokenPair = frozenset[Pubkey]


@dataclass(frozen=True, slots=True, kw_only=True)
class HardLimits:
    """At a limit of exposure a plan passes; at one of rate or loss it does not.

    Attributes:
        trades_per_minute_max: Plans begun within a minute.
        pair_exposure_lamports_max: In one pair at once.
        daily_loss_lamports_max: Net, of a UTC day.
        open_ns_max: A trade without an ending counts as open for this long.
    """

    trades_per_minute_max: int
    pair_exposure_lamports_max: int
    daily_loss_lamports_max: int
    open_ns_max: int


class HardStops:
    """See the module."""

    def __init__(self, limits: HardLimits) -> None:
        self._limits = limits
        self._lately: deque[Begun] = deque(maxlen=limits.trades_per_minute_max)
        """As many as decide, of the last minute; the oldest first."""
        self._open: OrderedDict[bytes, Begun] = OrderedDict()
        self._open_lamports: Counter[_TokenPair] = Counter()
        """What is in each pair, of all that is open."""
        self._ended: OrderedDict[bytes, None] = OrderedDict()
        self._profit_lamports: dict[int, int] = {}
        """Net, by UTC day, counted from 1970."""

    def forget_begun(self) -> None:
        """All claims of lately are about to be told again."""
        self._lately.clear()
        self._open.clear()
        self._open_lamports.clear()

    def began(self, begun: Begun) -> None:
        """The next claim of the stream."""
        self._lately.append(begun)
        plan_id = begun.claim.plan_id
        if plan_id not in self._ended:
            self._close(plan_id)
            self._open[plan_id] = begun
            self._open_lamports.update(_lamports(begun.claim))
            if len(self._open) > REMEMBERED_COUNT_MAX:
                self._close(next(iter(self._open)))

    def ended(self, result: ExecutionResult) -> None:
        """A plan has ended; told twice, by its executor and by the stream, it counts once."""
        self.ended_with(result.plan_id, result.profit_lamports, result.finished_unix_ns)

    def ended_with(self, plan_id: bytes, profit_lamports: int, finished_unix_ns: int) -> None:
        """The same, of a result of which no more was read."""
        if plan_id in self._ended:
            return
        self._ended[plan_id] = None
        if len(self._ended) > REMEMBERED_COUNT_MAX:
            self._ended.popitem(last=False)
        self._close(plan_id)
        if profit_lamports:
            day = finished_unix_ns // DAY_NS
            self._profit_lamports[day] = self._profit_lamports.get(day, 0) + profit_lamports
            if len(self._profit_lamports) > DAYS_COUNT_MAX:
                del self._profit_lamports[min(self._profit_lamports)]

    def refusal(self, plan: ExecutionPlan, now: Now, *, under_way: Sequence[Claim] = ()) -> str | None:
        """Why the plan must not be begun now; `None` = it may.

        Args:
            plan: Passed the guards.
            now: The present.
            under_way: Claims of which it is not known yet whether they are stored; counted as if they were.
        """
        return self._rate(now, len(under_way)) or self._exposure(plan, now, under_way) or self._daily_loss(now)

    def _rate(self, now: Now, under_way_count: int) -> str | None:
        while self._lately and now.since_begun_ns(self._lately[0]) >= MINUTE_NS:
            self._lately.popleft()
        most = self._limits.trades_per_minute_max
        if len(self._lately) + under_way_count >= most:
            return f"rate: {most} trades were begun within a minute, which is the most"
        return None

    def _exposure(self, plan: ExecutionPlan, now: Now, under_way: Iterable[Claim]) -> str | None:
        while self._open and now.since_begun_ns(next(iter(self._open.values()))) >= self._limits.open_ns_max:
            self._close(next(iter(self._open)))
        most = self._limits.pair_exposure_lamports_max
        lamports_under_way = [_lamports(claim) for claim in under_way]
        for pair in _pairs(plan.hops):
            before = self._open_lamports[pair] + sum(lamports[pair] for lamports in lamports_under_way)
            if before + plan.amount_in > most:
                name = "/".join(sorted(pair))
                return f"exposure: {before} lamports are in {name}, with {plan.amount_in} more above {most}"
        return None

    def _close(self, plan_id: bytes) -> None:
        """Count a trade as open no more, if it is."""
        begun = self._open.pop(plan_id, None)
        if begun is not None:
            self._open_lamports -= _lamports(begun.claim)  # keeps no pair that nothing is in

    def _daily_loss(self, now: Now) -> str | None:
        loss_lamports = -self._profit_lamports.get(now.here.unix_ns // DAY_NS, 0)
        if loss_lamports >= (most := self._limits.daily_loss_lamports_max):
            return f"daily loss: {loss_lamports} lamports were lost today (UTC), at most {most}"
        return None


def _lamports(claim: Claim) -> Counter[_TokenPair]:
    """What a trade puts into each pair of its route."""
    amount_in = claim.hops[0].input_amount if claim.hops else 0
    return Counter(dict.fromkeys(_pairs(claim.hops), amount_in))


def _pairs(hops: Iterable[Hop]) -> set[_TokenPair]:
    return {frozenset((hop.input_mint, hop.output_mint)) for hop in hops}
