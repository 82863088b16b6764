"""What the journal says happened, and whether it may have: values in, sentences out. Reads files, starts nothing.

| promise                          | looked at                                                                   |
|----------------------------------|-----------------------------------------------------------------------------|
| one result a plan                | every plan of PLANNED has exactly one result in EXECUTED, none has another   |
| P&L is the sum of EXECUTED       | counts and profit told by `solquote pnl` and by the auditor                  |
| nothing after an acknowledged    | no trade was begun, as the executor itself says (`taken`), between the       |
| halt                             | acknowledgement and the release                                             |
| nothing lost                     | the journal is whole; what was read of it once is in it for good             |

A trade is a result that is FILLED or FAILED. `taken` is of the executor's wall clock, which may have been stepped: the
steps are known, and a time counts as within a halt only if it is so by every step that fits it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from pipeline.event_logger import replay, verify
from quote_core.events import ExecutionPlan, ExecutionResult, Outcome, PnlSnapshot, Stream, decode
from quote_core.units import NS_PER_S

__all__ = ["ClockSpan", "Evidence", "HaltSpan", "Sums", "findings"]

_STEP_UNSURE_NS: Final = NS_PER_S
"""A step is seen by the process within a fifth of a second; a busy machine takes longer."""
_SHOWN_MAX: Final = 3
_TRADES: Final = frozenset({Outcome.FILLED, Outcome.MISSED, Outcome.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltSpan:
    """From the acknowledgement of a halt to the first try to release it; true wall time."""

    begun_unix_ns: int
    ended_unix_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSpan:
    """A process ran with its wall clock so far beside the true time."""

    pid: int
    step_s: int
    begun_unix_ns: int
    ended_unix_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Results counted, and the money they came to."""

    filled_count: int = 0
    failed_count: int = 0
    refused_count: int = 0
    profit_lamports: int = 0

    @classmethod
    def of(cls, results: Iterable[ExecutionResult]) -> Self:
        """Add results up; the plainest way there is, so that it can judge others."""
        results = list(results)
        counts = Counter(result.outcome for result in results)
        return cls(
            filled_count=counts[Outcome.FILLED],
            failed_count=counts[Outcome.FAILED],
            refused_count=counts[Outcome.REFUSED] + counts[Outcome.ABANDONED],
            profit_lamports=sum(result.profit_lamports for result in results if result.outcome in _TRADES),
        )


@dataclass(slots=True)
class Evidence:
    """The events of a journal that matter here, in the order they were written."""

    plans: dict[bytes, int] = field(default_factory=dict)
    """Plan id to the time its stream stored it."""
    results: list[tuple[int, ExecutionResult]] = field(default_factory=list)
    """With the times their stream stored them."""
    snapshot: PnlSnapshot | None = None
    flaws: list[str] = field(default_factory=list)
    """Of the journal itself."""

    @classmethod
    def read(cls, journal: Path) -> Self:
        """Read and verify a journal, also while it is written."""
        found = verify(journal)
        evidence = cls(flaws=[f"journal: {finding}" for finding in found.findings])
        evidence.flaws += [f"journal: missed {gap}" for gap in found.missed if not gap.startswith(Stream.METRICS)]
        for entry in replay(journal):
            if entry.stream not in (Stream.PLANNED, Stream.EXECUTED, Stream.METRICS):
                continue
            event = decode(entry.payload)
            if isinstance(event, ExecutionPlan):
                evidence.plans[event.header.event_id] = entry.stored_unix_ns
            elif isinstance(event, ExecutionResult):
                evidence.results.append((entry.stored_unix_ns, event))
            elif isinstance(event, PnlSnapshot):
                evidence.snapshot = event
        return evidence

    @property
    def sums(self) -> Sums:
        """Of all results."""
        return Sums.of(result for _, result in self.results)

    def without_result(self, *, stored_before_unix_ns: int) -> list[bytes]:
        """Plans stored before that time that were not concluded."""
        concluded = {result.plan_id for _, result in self.results}
        return [
            plan_id
            for plan_id, stored_unix_ns in self.plans.items()
            if stored_unix_ns < stored_before_unix_ns and plan_id not in concluded
        ]

    def lost_since(self, earlier: "Evidence") -> list[str]:
        """What `earlier` held and this does not."""
        results = {result.header.event_id: result for _, result in self.results}
        return [
            *(f"plan {plan_id.hex()} is gone" for plan_id in earlier.plans if plan_id not in self.plans),
            *(
                f"result {result.header.event_id.hex()} is gone or another"
                for _, result in earlier.results
                if results.get(result.header.event_id) != result
            ),
        ]


def findings(evidence: Evidence, *, halts: Sequence[HaltSpan], clocks: Sequence[ClockSpan]) -> list[str]:
    """Every broken promise of a finished run, in a sentence each; what must be true at any time is `flaws`."""
    found = list(evidence.flaws)
    by_plan = Counter(result.plan_id for _, result in evidence.results)
    found += [f"plan {plan_id.hex()} has {count} results" for plan_id, count in by_plan.items() if count > 1]
    found += [f"the result of plan {plan_id.hex()} has no plan" for plan_id in by_plan if plan_id not in evidence.plans]
    late = [
        (result, halt)
        for _, result in evidence.results
        if result.outcome in _TRADES and (halt := _halt_it_began_in(result, halts, clocks)) is not None
    ]
    for result, halt in late[:_SHOWN_MAX]:
        after_s = (result.taken_unix_ns - halt.begun_unix_ns) / NS_PER_S
        found.append(f"plan {result.plan_id.hex()} was begun {after_s:.3f} s after an acknowledged halt: {result}")
    if len(late) > _SHOWN_MAX:
        found.append(f"and {len(late) - _SHOWN_MAX} more were begun while halted")
    return found


def _halt_it_began_in(
    result: ExecutionResult, halts: Sequence[HaltSpan], clocks: Sequence[ClockSpan]
) -> HaltSpan | None:
    times = _true_times(result, clocks)
    spans = [_span_of(time, halts) for time in times]
    return spans[0] if all(span is not None for span in spans) else None


def _span_of(unix_ns: int, halts: Sequence[HaltSpan]) -> HaltSpan | None:
    return next((halt for halt in halts if halt.begun_unix_ns < unix_ns < halt.ended_unix_ns), None)


def _true_times(result: ExecutionResult, clocks: Sequence[ClockSpan]) -> list[int]:
    """When the plan may have been taken: by each step of the executor's clock that was in force at that time."""
    pid = int(result.executor.rpartition("/")[2])
    times = []
    for clock in clocks:
        if clock.pid == pid:
            time = result.taken_unix_ns - clock.step_s * NS_PER_S
            if clock.begun_unix_ns - _STEP_UNSURE_NS <= time <= clock.ended_unix_ns + _STEP_UNSURE_NS:
                times.append(time)
    return times or [result.taken_unix_ns]
