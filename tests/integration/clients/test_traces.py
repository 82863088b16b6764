"""A trade's trace as a collector receives it from the processes of a running platform."""

import pytest
from fakes.otlp_collector import CollectedSpan, Collector
from fakes.running_platform import RunningPlatform

pytestmark = pytest.mark.integration

TRADE_S = 180.0
"""Until the first trade is through, on a machine that is busy."""
WAY = ("account update", "quote", "write quote", "create opportunity", "process opportunity", "process plan")
SERVICES = {"local_quote", "aggregator", "scanner", "planner", "executor", "auditor"}


@pytest.mark.usefixtures("client_platform")
def test_one_trace_leads_from_the_account_update_through_all_processes_to_profit_and_loss(collector: Collector):
    spans = collector.with_names((*WAY, "fill", "process executed", "create metrics"), seconds=TRADE_S)
    assert {span.service for span in spans} >= SERVICES
    by_id = {span.span_id: span for span in spans}
    line = next(span for span in spans if span.name == "create metrics")
    way = [line]
    while way[-1].parent_id in by_id:
        way.append(by_id[way[-1].parent_id])
    assert [span.name for span in reversed(way)] == [*WAY, "process executed", "create metrics"]
    assert way[-1].parent_id == ""
    simulated = [span for span in spans if span.name.endswith("SimulateRoute") and span.service == "local_quote"]
    assert {caller_of(span, by_id) for span in simulated} >= {"planner", "executor"}


def caller_of(span: CollectedSpan, by_id: dict[str, CollectedSpan]) -> str:
    """Whose call a server's span answers: gRPC's metadata told it."""
    return by_id[span.parent_id].service


def test_the_lines_of_a_trade_carry_its_trace(client_platform: RunningPlatform, collector: Collector):
    spans = collector.with_names((*WAY, "fill", "process executed"), seconds=TRADE_S)
    log = (client_platform.data_dir / "logs" / "executor.log").read_text()
    assert f'"trace_id": "{spans[0].trace_id}"' in log
