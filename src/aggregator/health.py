"""How the aggregator is, for gRPC, HTTP and the supervisor's status line alike."""

from collections.abc import Callable, Mapping

from quote_core.clock import Clock
from quote_core.health import QuoteServiceHealth, WorkFigures
from quote_core.serving import CallCounter

__all__ = ["AggregatorHealth"]


class AggregatorHealth(QuoteServiceHealth):
    """It serves while the local quotes flow.

    `upstreams` tells of each quote service whether it delivers; one that does not is a finding. `is_serving` is what
    `grpc.health.v1` and the supervisor are told too: whether the exact, local quotes flow. Outside quotes may stand in
    for single quotes meanwhile, but a balancer should look elsewhere. `calls` counts its work.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        version: str,
        is_serving: Callable[[], bool],
        upstreams: Mapping[str, Callable[[], bool]],
        figures: Mapping[str, Callable[[], float]],
        calls: CallCounter,
    ) -> None:
        super().__init__(clock=clock, version=version)
        self._is_serving = is_serving
        self._upstreams = upstreams
        self._figures = figures
        self._calls = calls

    @property
    def is_serving(self) -> bool:
        """Whether the local quotes flow."""
        return self._is_serving()

    def findings(self) -> list[str]:
        """Quote services that do not deliver."""
        return [f"{name} does not deliver" for name, is_delivering in self._upstreams.items() if not is_delivering()]

    def figures(self) -> Mapping[str, float]:
        """What is open and how much was done, by name."""
        return {name: float(read()) for name, read in self._figures.items()}

    def work(self) -> WorkFigures:
        """Calls of clients."""
        return WorkFigures.now(handled_total=self._calls.handled_count, errors_total=self._calls.error_count)

    def line(self) -> str:
        """How much there is, and whether the quote services deliver."""
        parts = [f"{self._figures[name]():.0f} {name}" for name in _STATUS_FIGURES if name in self._figures]
        parts += [f"{name.split()[0]} {'ok' if works() else 'down'}" for name, works in self._upstreams.items()]
        return ", ".join(parts)


_STATUS_FIGURES = ("rows", "files", "subscribers")
