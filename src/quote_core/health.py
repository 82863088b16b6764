"""How a process is, in one vocabulary: whoever asks, and over whatever, is told in these words.

| value          | who tells it                      | to whom, over what                                             |
|----------------|-----------------------------------|----------------------------------------------------------------|
| `Condition`    | every process, each second        | its supervisor (sd_notify), and `grpc.health.v1`; of its NATS  |
|                |                                   | server, which knows neither, the supervisor makes one itself   |
| `HealthReport` | a quote service, when asked       | anybody, by `Health` over gRPC and HTTP                        |
| `WorkFigures`  | every process: totals since its   | in the figures of a `HealthReport`; the event `ServiceHealth`  |
|                | start                             | on METRICS has their differences over one window               |

Quote services have no connection to the bus. The system manager asks each for its `Health` once a second and judges
these figures by the same rules as the reports of the pipeline's processes.

| figure                                      | meaning                                                               |
|---------------------------------------------|-----------------------------------------------------------------------|
| `handled_total`, `errors_total`             | pieces of work since the start, and those that failed by the          |
|                                             | service's own fault or on data it cannot read; what a client asked    |
|                                             | wrongly, what a neighbour did not answer, and what is tried again is  |
|                                             | no error of the service                                               |
| `rpc_calls_total`, `rpc_failures_total`     | calls to the Solana node since the start, and those that failed       |
| `memory_used_bytes`, `memory_limit_bytes`   | see `quote_core.telemetry.memory`; a limit of 0 = not known           |
| `slot`                                      | the chain's slot the service has seen; 0 when it follows none         |
| `slot_drift`                                | slots that slot is behind, by the clock and the chain's own time: a   |
|                                             | node that stands still cannot be measured against itself              |
| `unwritten_ms`                              | how long what must be written down could not be, until now; 0 = it    |
|                                             | can, or there is nothing to write                                     |
"""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Self

from quote_core.clock import Clock
from quote_core.telemetry.memory import memory_use
from quote_core.units import NS_PER_MS

__all__ = ["Condition", "HealthReport", "QuoteServiceHealth", "WorkFigures"]


@dataclass(frozen=True, slots=True)
class Condition:
    """How a process is: `is_ready` while it does its job, and one short line for people."""

    is_ready: bool
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFigures:
    """The figures of the module's second table."""

    handled_total: int = 0
    errors_total: int = 0
    rpc_calls_total: int = 0
    rpc_failures_total: int = 0
    memory_used_bytes: int = 0
    memory_limit_bytes: int = 0
    slot: int = 0
    slot_drift: int = 0
    unwritten_ms: int = 0

    @classmethod
    def now(cls, **counts: int) -> Self:
        """These counts, and this process's memory as it is."""
        memory = memory_use()
        return cls(memory_used_bytes=memory.used_bytes, memory_limit_bytes=memory.limit_bytes, **counts)

    @classmethod
    def read(cls, figures: Mapping[str, float]) -> Self:
        """From the figures of a `Health` answer; one that is not there is 0."""
        return cls(**{name: int(figures[name]) for name in cls.__slots__ if name in figures})

    def figures(self) -> Mapping[str, float]:
        """For the figures of a `Health` answer."""
        return {name: float(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """One look at a quote service: what `Health` answers."""

    is_serving: bool
    version: str
    uptime_ms: int
    findings: tuple[str, ...]
    """What keeps it from serving, or is degraded; empty when all is well."""
    figures: Mapping[str, float]
    """Counters and gauges by name, those of `WorkFigures` among them."""


class QuoteServiceHealth(abc.ABC):
    """Asks a quote service's parts when it is asked. A subclass knows the parts."""

    def __init__(self, *, clock: Clock, version: str) -> None:
        self._clock = clock
        self._started_mono_ns = clock.mono_ns()
        self.version = version
        """Of this build."""

    @property
    @abc.abstractmethod
    def is_serving(self) -> bool:
        """Whether clients get what they come for; what `grpc.health.v1` says, too."""

    @abc.abstractmethod
    def line(self) -> str:
        """One short line for people."""

    @abc.abstractmethod
    def findings(self) -> Sequence[str]:
        """What keeps it from serving, or is degraded."""

    @abc.abstractmethod
    def figures(self) -> Mapping[str, float]:
        """Counters and gauges worth a look, by name, but for those of its work."""

    @abc.abstractmethod
    def work(self) -> WorkFigures:
        """Its work since it began."""

    def condition(self) -> Condition:
        """For the supervisor."""
        return Condition(is_ready=self.is_serving, line=self.line())

    def report(self) -> HealthReport:
        """Look now."""
        return HealthReport(
            is_serving=self.is_serving,
            version=self.version,
            uptime_ms=(self._clock.mono_ns() - self._started_mono_ns) // NS_PER_MS,
            findings=tuple(self.findings()),
            figures={**self.figures(), **self.work().figures()},
        )
