import structlog.testing
from fakes.fake_clock import FakeClock

from quote_core.access.audit import Audit


def test_each_call_of_a_client_leaves_a_line_and_strangers_leave_few():
    clock = FakeClock()
    audit = Audit(clock)
    with structlog.testing.capture_logs() as lines:
        for _ in range(100):
            audit.tell("POST /x", client=None, host="192.0.2.1", outcome="UNAUTHENTICATED")
        for _ in range(100):
            audit.tell("POST /x", client="token ops", host="192.0.2.2", outcome="200")
        clock.advance_ms(1_000)
        audit.tell("POST /x", client=None, host="192.0.2.1", outcome="UNAUTHENTICATED")
    assert len(lines) == 20 + 100 + 1
    assert lines[20] == {
        "event": "admin call",
        "log_level": "critical",
        "part": "audit",
        "call": "POST /x",
        "client": "token ops",
        "host": "192.0.2.2",
        "outcome": "200",
        "refused_untold": 80,
    }
    assert "refused_untold" not in lines[21]
    assert (lines[0]["client"], lines[-1]["client"]) == ("unknown", "unknown")
