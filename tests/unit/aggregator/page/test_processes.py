import json
from pathlib import Path

from fakes.fake_clock import FakeClock

from aggregator.page.processes import ProcessesPanel, line_content
from aggregator.settings import AggregatorSettings
from quote_core.clock import moment
from quote_core.running.log_files import LogLine
from quote_core.running.settings_shown import SETTINGS_NAME, settings_content, shown_settings
from quote_core.running.status import STATUS_NAME, ProcessState, ProcessView, read_status, status_content
from quote_core.settings import PlatformSettings
from solquote.supervisor.lock import take_data_folder


def panel(folder: Path, clock: FakeClock) -> ProcessesPanel:
    return ProcessesPanel(folder, (PlatformSettings, AggregatorSettings), clock=clock)


def test_an_aggregator_by_itself_has_no_supervisor_and_shows_its_own_settings(tmp_path: Path) -> None:
    clock = FakeClock()
    one = panel(tmp_path, clock)
    assert one.processes(read_status(tmp_path, clock=clock))["is_supervised"] is False
    settings = one.settings(is_supervised=False)
    assert settings["is_whole"] is False
    assert {each["section"] for each in settings["settings"]} == {"platform", "aggregator"}


def test_a_stopped_process_is_told_as_stopped(tmp_path: Path) -> None:
    clock = FakeClock()
    views = [
        ProcessView(name="scanner", state=ProcessState.STOPPED, address="", status="984 rows", restart_count=2),
        ProcessView(name="planner", state=ProcessState.HEALTHY, address="", pid=77, started_mono_ns=clock.mono_ns()),
    ]
    with take_data_folder(tmp_path, {}):
        (tmp_path / STATUS_NAME).write_bytes(status_content(views, now=moment(clock)))
        clock.advance_ms(90_000)
        told = panel(tmp_path, clock).processes(read_status(tmp_path, clock=clock))
    assert [(one["process"], one["state"], one["pid"], one["uptime_s"]) for one in told["processes"]] == [
        ("scanner", "stopped", None, None),
        ("planner", "healthy", 77, 90),
    ]
    assert told["is_old"]  # nobody has written for a minute and a half
    assert told["processes"][0]["restart_count"] == 2


def test_the_supervisors_settings_are_all_settings(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_NAME).write_bytes(settings_content(shown_settings([AggregatorSettings], {})))
    told = panel(tmp_path, FakeClock()).settings(is_supervised=True)
    assert told["is_whole"] is True
    assert {each["section"] for each in told["settings"]} == {"aggregator"}


def test_a_structured_line_is_taken_apart_and_any_other_is_as_it_is() -> None:
    text = json.dumps({"event": "feed lost", "level": "warning", "timestamp": "x", "url": "ws://h", "slot": 5})
    assert line_content(LogLine(7, "local_quote", text)) == {
        "unix_ms": 7,
        "level": "warning",
        "event": "feed lost",
        "rest": "url=ws://h slot=5",
    }
    plain = line_content(LogLine(8, "nats_server", "[1] Server is ready" + "!" * 5_000))
    assert plain["event"].startswith("[1] Server is ready")
    assert len(plain["event"]) == 600
