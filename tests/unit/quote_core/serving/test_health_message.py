from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.health import HealthReport
from quote_core.serving import read_health, write_health


def test_a_health_report_is_read_as_it_was_written() -> None:
    report = HealthReport(
        is_serving=True, version="1.2.3", uptime_ms=5, findings=("slow",), figures={"rows": 3.0, "rate": 0.5}
    )
    message = quotes_pb2.HealthResponse.FromString(write_health(report).SerializeToString())
    assert (message.serving, message.version, list(message.findings)) == (True, "1.2.3", ["slow"])
    assert read_health(message) == report
