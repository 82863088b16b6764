"""How the aggregator is, for gRPC, HTTP and the supervisor's status line alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from quote_core.clock import Clock
from quote_core.serving import WorkFigures
from quote_core.units import NS_PER_MS

__all__ = ["Figure", "Health", "HealthReport"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number worth a look, read when somebody looks. A counter only grows; the others go both ways."""

    description: str
    read: Callable[[], float]
    is_counter: bool = False


@dataclass(frozen=True, slots=True)
class HealthReport:
    """One look at the service."""

    is_serving: bool
    version: str
    uptime_ms: int
    findings: tuple[str, ...]
    figures: Mapping[str, float]


class Health:
    """Asks the parts when asked.

    `upstreams` tells of each quote service whether it delivers; one that does not is a finding. `is_serving` is what
    `grpc.health.v1` and the supervisor are told too: whether the exact, local quotes flow. Outside quotes may stand in
    for single quotes meanwhile, but a balancer should look elsewhere. `work` is what the system manager judges.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        version: str,
        is_serving: Callable[[], bool],
        upstreams: Mapping[str, Callable[[], bool]],
        figures: Mapping[str, Figure],
        work: Callable[[], WorkFigures] | None = None,
    ) -> None:
        self._clock = clock
        self._started_ns = clock.mono_ns()
        self._version = version
        self._is_serving = is_serving
        self._upstreams = upstreams
        self._figures = figures
        self._work = work

    @property
    def version(self) -> str:
        """Of this build."""
        return self._version

    def report(self) -> HealthReport:
        """Look now."""
        delivering = {name: is_delivering() for name, is_delivering in self._upstreams.items()}
        return HealthReport(
            is_serving=self._is_serving(),
            version=self._version,
            uptime_ms=(self._clock.mono_ns() - self._started_ns) // NS_PER_MS,
            findings=tuple(f"{name} does not deliver" for name, works in delivering.items() if not works),
            figures={
                **{name: float(figure.read()) for name, figure in self._figures.items()},
                **(self._work().figures() if self._work else {}),
            },
        )

    def status(self) -> str:
        """One short line for people."""
        parts = [f"{self._figures[name].read():.0f} {name}" for name in _STATUS_FIGURES if name in self._figures]
        parts += [f"{name.split()[0]} {'ok' if works() else 'down'}" for name, works in self._upstreams.items()]
        return ", ".join(parts)


_STATUS_FIGURES = ("rows", "files", "subscribers")
