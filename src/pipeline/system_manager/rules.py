"""When trading must stop: measurements in, the reason to stop out.

| rule          | trips when                                                         | measured over            |
|---------------|--------------------------------------------------------------------|--------------------------|
| error_rate    | a service's errors are more than this share of what it handled     | `rate_window`, sliding   |
| rpc_failures  | a service's failed RPC calls are more than this share of its calls | `rate_window`, sliding   |
| memory        | more than this share of a service's memory limit is in use         | the last report          |
| slot_drift    | a service is more slots than this behind the chain                 | the last report          |
| journal       | the event logger has not been able to write for its grace          | the last report          |
| failed_trades | more trades than this failed                                       | `failed_window`, sliding |
| drawdown      | equity is more than this share below its highest                   | since the last release   |
| daily_loss    | the day's loss (UTC) reaches this many lamports                    | midnight or last release |
| no_success    | trades are begun, and none succeeds for this long                  | success or last release  |
| anomaly       | error rate, latency or profit are far from what they were lately   | intervals, see `anomaly` |

Equity is the trading capital plus cumulative profit. A share counts only once there are `sample_count_min` events to
take it of, so that one failed call after a quiet hour stops nothing. A release makes every rule count anew: what the
operator has seen does not trip again, what still is so (memory, drift) does. A state that is only written again, as
the latch does every day, is no release.

A release is a person's, and refused while a rule is `triggering` that they have not named. What triggers is what would
trip if trading were on: a rule that was only true of a moment, or of a report too old to count, does not.

The rules on money judge two accounts, each by itself. One is counted here, from the results on EXECUTED: first those
that the stream keeps (`recall`), which is how a restart forgets nothing, then each new one. The other is what the
auditor reports on METRICS.

Times are those of the events. A report made before the release does not count; one that claims to be more than a
`rate_window` older and was read after the release all the same says that the clock was set back, and counts.
"""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

from pipeline.auditor.ledger import Ledger
from pipeline.system_manager.account import LossAccount, LossAccountState, is_other_day
from pipeline.system_manager.anomaly import Anomalies
from pipeline.system_manager.dry_spell import DrySpell, DrySpellState
from pipeline.system_manager.limits import Limits, RuleName, Trip
from quote_core.events import ExecutionResult, PnlSnapshot, ServiceHealth
from quote_core.units import NS_PER_MS

__all__ = ["Limits", "MoneyState", "Rules", "Trip"]

SERVICE_COUNT_MAX: Final = 256
"""Services told apart; reports of further ones are judged for themselves, without a window."""

SAMPLE_COUNT_MAX: Final = 1_000
"""Reports held of one service."""


@dataclass(frozen=True, slots=True)
class _Sample:
    at_unix_ns: int
    handled_count: int
    error_count: int
    rpc_call_count: int
    rpc_failure_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyState:
    """What the rules on money know of the results they have counted.

    Attributes:
        since_unix_ns: The release that the marks are measured from.
        failed_window_ns: Older failures than this were forgotten.
        ledger: The sums.
        account: The marks.
        dry_spell: Since when no trade has succeeded.
    """

    since_unix_ns: int
    failed_window_ns: int
    ledger: Ledger
    account: LossAccountState
    dry_spell: DrySpellState


class Rules:
    """The table above, with the windows and marks it measures from."""

    def __init__(self, limits: Limits, *, since_unix_ns: int) -> None:
        self._limits = limits
        self._ledger = Ledger(capital_lamports=limits.capital_lamports)
        self._counted = LossAccount(limits)
        self._reported = LossAccount(limits)
        self._pnl: PnlSnapshot | None = None
        self._dry_spell = DrySpell(limits)
        self._anomalies = Anomalies(limits)
        self._newest: dict[str, ServiceHealth] = {}
        """The last report of each service."""
        self.rearm(since_unix_ns)

    def rearm(self, since_unix_ns: int) -> None:
        """Trading was released at `since_unix_ns`: count anew from there."""
        self._since_unix_ns = since_unix_ns
        self._samples: dict[str, deque[_Sample]] = {}
        self._counted.rearm()
        self._reported.rearm()
        self._dry_spell.rearm(since_unix_ns)
        self._anomalies.rearm()

    def money(self) -> MoneyState:
        """What is known of the results counted so far; counting on does not change it."""
        return MoneyState(
            since_unix_ns=self._since_unix_ns,
            failed_window_ns=self._limits.failed_window_ns,
            ledger=replace(self._ledger),
            account=self._counted.state(),
            dry_spell=self._dry_spell.state,
        )

    def resume(self, state: MoneyState) -> str:
        """Go on behind the results that `state` has counted, before any other is; empty, or why that cannot be."""
        limits = self._limits
        if state.failed_window_ns != limits.failed_window_ns:
            return "it counts failed trades over another window"
        if state.ledger.capital_lamports != limits.capital_lamports:
            return "it is of another trading capital"
        is_of_this_release = state.since_unix_ns == self._since_unix_ns
        if not is_of_this_release and state.ledger.last_result_unix_ns >= self._since_unix_ns:
            return "it is of another release, and has counted results of after this one"
        self._ledger = replace(state.ledger)
        self._counted.restore(state.account)
        self._dry_spell.state = state.dry_spell
        if not is_of_this_release:
            self._counted.rearm()
            self._dry_spell.rearm(self._since_unix_ns)
        return ""

    def recall(self, result: ExecutionResult) -> None:
        """Take a result of the past into account, oldest first, without judging it."""
        self._count(result)
        if result.finished_unix_ns < self._since_unix_ns:
            self._counted.rearm()
            self._dry_spell.rearm(self._since_unix_ns)

    def judge_result(self, result: ExecutionResult) -> Trip | None:
        """Take the next result."""
        self._count(result)
        anomaly = self._anomalies.take_result(result)
        return self._counted.judge(result.finished_unix_ns) or self._dry_spell.judge() or anomaly

    def judge_recalled(self, now_unix_ns: int) -> Trip | None:
        """What the results recalled say now."""
        if is_other_day(now_unix_ns, self._ledger.last_result_unix_ns):
            self._counted.take(self._ledger.cumulative_profit_lamports, 0, is_new_day=True)
        return self._counted.judge(now_unix_ns) or self._dry_spell.judge()

    def triggering(self, now_unix_ns: int) -> tuple[Trip, ...]:
        """Every rule that says stop now, each once, whether or not trading is stopped."""
        found = self._counted.broken(
            now_unix_ns, day_is_over=is_other_day(now_unix_ns, self._ledger.last_result_unix_ns)
        )
        if self._pnl is not None:
            day_is_over = is_other_day(now_unix_ns, self._pnl.header.created_unix_ns)
            found += self._reported.broken(now_unix_ns, day_is_over=day_is_over)
        self._forget_silent(now_unix_ns)
        for name, health in self._newest.items():
            found += [*self._state_trips(health), *self._rate_trips(name, self._samples.get(name, ()))]
        found += filter(None, (self._dry_spell.judge(), self._anomalies.triggering()))
        return tuple({trip.rule: trip for trip in reversed(found)}.values())[::-1]

    def judge_health(self, health: ServiceHealth) -> Trip | None:
        """Take one service's report."""
        name = f"{health.service}/{health.instance}"
        now_unix_ns = health.header.created_unix_ns
        self._forget_silent(now_unix_ns)
        if name in self._newest or len(self._newest) < SERVICE_COUNT_MAX:
            self._newest[name] = health
        trips = [*self._state_trips(health)]
        if not self._is_of_before(now_unix_ns):
            trips += self._rate_trips(name, self._window(name, health, now_unix_ns))
            trips += filter(None, (self._anomalies.take_health(health),))
        return next(iter(trips), None)

    def _state_trips(self, health: ServiceHealth) -> Iterator[Trip]:
        """What the last report alone says."""
        limits = self._limits
        if health.memory_limit_bytes:
            share = health.memory_used_bytes / health.memory_limit_bytes
            if share > limits.memory_fraction_max:
                yield Trip("memory", f"{health.service}: {share:.0%} of its memory limit is in use")
        if health.slot_drift > limits.slot_drift_max:
            yield Trip("slot_drift", f"{health.service} is {health.slot_drift} slots behind the chain")
        if health.unwritten_ms * NS_PER_MS > limits.journal_grace_ns:
            yield Trip(
                "journal", f"{health.service} cannot write for {health.unwritten_ms / 1e3:.0f} s: {health.detail}"
            )

    def _rate_trips(self, name: str, samples: Collection[_Sample]) -> Iterator[Trip]:
        """What the window of reports says."""
        limits, service = self._limits, name.partition("/")[0]
        yield from _share_trip(
            "error_rate",
            service,
            "of what it handled failed",
            sum(sample.error_count for sample in samples),
            sum(sample.handled_count for sample in samples),
            limits.error_rate_fraction_max,
            limits.sample_count_min,
        )
        yield from _share_trip(
            "rpc_failures",
            service,
            "of its RPC calls failed",
            sum(sample.rpc_failure_count for sample in samples),
            sum(sample.rpc_call_count for sample in samples),
            limits.rpc_failure_fraction_max,
            limits.sample_count_min,
        )

    def judge_pnl(self, pnl: PnlSnapshot) -> Trip | None:
        """Take the auditor's account."""
        now_unix_ns = pnl.header.created_unix_ns
        if self._is_of_before(now_unix_ns):
            return None
        account, before = self._reported, self._pnl
        self._pnl = pnl
        figures = (pnl.cumulative_profit_lamports, pnl.day_profit_lamports)
        if before is None:
            account.shift(*figures)
            account.take(*figures, is_new_day=is_other_day(now_unix_ns, self._since_unix_ns))
            return account.judge(now_unix_ns)
        if before.first_result_unix_ns not in (0, pnl.first_result_unix_ns):
            account.shift(*figures)
        elif pnl.failed_count > before.failed_count:
            account.failed(now_unix_ns, pnl.failed_count - before.failed_count)
        account.take(*figures, is_new_day=is_other_day(now_unix_ns, before.header.created_unix_ns))
        return account.judge(now_unix_ns)

    def _is_of_before(self, made_unix_ns: int) -> bool:
        """Whether a report is of before the release; see the module's last paragraph."""
        return 0 < self._since_unix_ns - made_unix_ns <= self._limits.rate_window_ns

    def _count(self, result: ExecutionResult) -> None:
        ledger = self._ledger
        failed_before, last_unix_ns = ledger.failed_count, ledger.last_result_unix_ns
        ledger.add(result)
        if ledger.failed_count > failed_before:
            self._counted.failed(result.finished_unix_ns)
        self._dry_spell.take(result)
        self._counted.take(
            ledger.cumulative_profit_lamports,
            ledger.day_profit_lamports(ledger.last_result_unix_ns),
            is_new_day=is_other_day(ledger.last_result_unix_ns, last_unix_ns),
        )

    def _window(self, name: str, health: ServiceHealth, now_unix_ns: int) -> deque[_Sample]:
        sample = _Sample(
            now_unix_ns, health.handled_count, health.error_count, health.rpc_call_count, health.rpc_failure_count
        )
        if name not in self._samples and len(self._samples) >= SERVICE_COUNT_MAX:
            return deque([sample])
        samples = self._samples.setdefault(name, deque(maxlen=SAMPLE_COUNT_MAX))
        samples.append(sample)
        return samples

    def _forget_silent(self, now_unix_ns: int) -> None:
        for name, samples in list(self._samples.items()):
            while samples and now_unix_ns - samples[0].at_unix_ns >= self._limits.rate_window_ns:
                samples.popleft()
            if not samples:
                del self._samples[name]
        for name, health in list(self._newest.items()):
            if abs(now_unix_ns - health.header.created_unix_ns) >= self._limits.rate_window_ns:
                del self._newest[name]


def _share_trip(
    rule: RuleName, service: str, what: str, part: int, counted: int, share_max: float, count_min: int
) -> Iterator[Trip]:
    whole = max(part, counted)
    if whole >= count_min and part / whole > share_max:
        yield Trip(rule, f"{part / whole:.0%} {what}: {service}, {part} of {whole}")
