"""The `HealthResponse` of every quote service, and the report it was made of."""

from typing import Any, Final

from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.health import HealthReport

__all__ = ["READ_HEALTH_REQUEST", "read_health", "write_health"]

READ_HEALTH_REQUEST: Final = quotes_pb2.HealthRequest.FromString


def write_health(report: HealthReport) -> quotes_pb2.HealthResponse:
    """A `HealthResponse`."""
    return quotes_pb2.HealthResponse(
        serving=report.is_serving,
        version=report.version,
        uptime_ms=report.uptime_ms,
        findings=report.findings,
        figures=report.figures,
    )


def read_health(message: Any) -> HealthReport:
    """What a `HealthResponse` says."""
    return HealthReport(
        is_serving=message.serving,
        version=message.version,
        uptime_ms=message.uptime_ms,
        findings=tuple(message.findings),
        figures=dict(message.figures),
    )
