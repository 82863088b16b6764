"""Spans as the parts ask for them, told to an exporter in memory; and the cost of asking where nothing is traced."""

import subprocess
import sys

import pytest
from fakes.fake_clock import FakeClock
from fakes.traced import parent_of, traced
from opentelemetry.trace import SpanKind, StatusCode

from quote_core.events import NO_TRACE, Trace, stamp
from quote_core.telemetry import traces

PARENT = Trace(trace_id=bytes(range(16)), span_id=bytes(range(8)), flags=1)
UNSAMPLED = Trace(trace_id=bytes(range(16)), span_id=bytes(range(8)), flags=0)
UNTRACED = """
import sys
from quote_core.telemetry import traces
with traces.start_traces("scanner", exporter="none", endpoint="", ratio=1.0, run_id=""):
    assert traces.tracer() is None
assert not [name for name in sys.modules if name.startswith(("opentelemetry", "requests"))]
"""
WITHOUT_THE_EXTRA = """
import sys
sys.modules["opentelemetry"] = None
from quote_core.process import run_process
from quote_core.settings import ServiceSettings
class Settings(ServiceSettings):
    section = "sample"
async def run(platform, settings, stop): ...
run_process("sample", Settings, run)
"""


def test_without_an_exporter_nothing_of_opentelemetry_is_imported():
    subprocess.run([sys.executable, "-c", UNTRACED], check=True)


def test_an_exporter_without_the_extra_is_a_wrong_setting_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("SOLQUOTE_TRACE_EXPORTER", "otlp")
    done = subprocess.run([sys.executable, "-c", WITHOUT_THE_EXTRA], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "SOLQUOTE_TRACE_EXPORTER: otlp needs opentelemetry" in done.stderr
    assert "pip install 'solquote[telemetry]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_tracer_everything_may_be_asked_and_nothing_happens():
    with traces.creating("plan.SOL-USDC", parent=PARENT), traces.sending("plan.SOL-USDC", size_bytes=1):
        traces.annotate({"solquote.pair": "SOL-USDC"})
        assert traces.created_in(PARENT) is PARENT
        assert traces.current_ids() is None
    assert (traces.server_interceptors(), traces.client_interceptors()) == ((), ())


def test_an_event_is_created_sent_and_processed_below_what_came_before():
    header = stamp(FakeClock(), trace=PARENT)
    with traced() as spans:
        with traces.processing("opportunity.two_hop.SOL-USDC", header):
            created = traces.created_in(header.trace)
            with traces.sending("plan.SOL-USDC", size_bytes=341):
                pass
        process, send = spans.one("process opportunity"), spans.one("send plan")
    assert parent_of(process) == int.from_bytes(PARENT.span_id)
    assert created.span_id == process.context.span_id.to_bytes(8)
    assert parent_of(send) == process.context.span_id
    assert {span.context.trace_id for span in (process, send)} == {int.from_bytes(PARENT.trace_id)}
    assert (process.kind, send.kind) == (SpanKind.CONSUMER, SpanKind.PRODUCER)
    assert process.attributes is not None
    assert dict(process.attributes) == {
        "messaging.system": "nats",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "opportunity.two_hop.SOL-USDC",
        "messaging.message.id": header.event_id.hex(),
    }


def test_what_is_not_sampled_stays_so_and_what_has_no_trace_gets_none():
    with traced() as spans:
        with traces.processing("plan.SOL-USDC", stamp(FakeClock(), trace=UNSAMPLED)):
            created = traces.created_in(UNSAMPLED)
            assert (created.trace_id, created.flags) == (UNSAMPLED.trace_id, 0)
            assert traces.current_ids() is None
        with traces.processing("metrics.pnl", stamp(FakeClock())), traces.sending("metrics.pnl", size_bytes=1):
            assert traces.created_in(NO_TRACE) == NO_TRACE
        assert spans.exporter.get_finished_spans() == ()


def test_an_error_that_leaves_a_span_is_told_in_it():
    with traced() as spans:
        with pytest.raises(ValueError, match="too much"), traces.creating("plan.SOL-USDC", parent=PARENT):
            raise ValueError("too much")
        span = spans.one("create plan")
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]
