"""How the aggregator is, for gRPC, HTTP and the supervisor's status line alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from quote_core.clock import Clock

__all__ = ["Health", "HealthReport"]

_NS_PER_MS = 1_000_000


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

    `upstreams` tells of each quote service whether it delivers. The service serves while the local one does, or when
    an outside provider stands in; what is missing is a finding either way.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        version: str,
        upstreams: Mapping[str, Callable[[], bool]],
        figures: Mapping[str, Callable[[], float]],
    ) -> None:
        self._clock = clock
        self._started_ns = clock.mono_ns()
        self._version = version
        self._upstreams = upstreams
        self._figures = figures

    def report(self) -> HealthReport:
        """Look now."""
        delivering = {name: is_delivering() for name, is_delivering in self._upstreams.items()}
        return HealthReport(
            is_serving=any(delivering.values()),
            version=self._version,
            uptime_ms=(self._clock.mono_ns() - self._started_ns) // _NS_PER_MS,
            findings=tuple(f"{name} does not deliver" for name, works in delivering.items() if not works),
            figures={name: float(read()) for name, read in self._figures.items()},
        )

    def status(self) -> str:
        """One short line for people."""
        parts = [f"{read():.0f} {name}" for name, read in self._figures.items() if name in _STATUS_FIGURES]
        parts += [f"{name.split()[0]} {'ok' if works() else 'down'}" for name, works in self._upstreams.items()]
        return ", ".join(parts)


_STATUS_FIGURES = ("rows", "files", "subscribers")
