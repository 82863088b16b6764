from fakes.fake_clock import FakeClock
from structlog.testing import capture_logs

from quote_core.resilience import Pause

S = 1_000_000_000
DAY = 24 * 3600 * S


def test_a_pause_lasts_as_long_as_asked_and_the_longer_one_stands() -> None:
    clock = FakeClock()
    pause = Pause(name="node", clock=clock)
    assert pause.remaining_ns == 0
    pause.extend(3600 * S)
    pause.extend(5 * S)
    assert pause.remaining_ns == 3600 * S
    clock.advance_ns(3600 * S)
    assert pause.remaining_ns == 0


def test_more_than_a_day_is_heeded_for_a_day_and_said() -> None:
    pause = Pause(name="node", clock=FakeClock())
    with capture_logs() as told:
        pause.extend(DAY)
        assert told == []
        pause.extend(10**64)
    assert pause.remaining_ns == DAY
    (line,) = told
    assert (line["log_level"], line["endpoint"], line["heeded_s"]) == ("warning", "node", 86_400)
