import dataclasses
import io
import json

import pytest
from rich.console import Console

from quote_core.running.status import ProcessState, ProcessView
from solquote.supervisor.display import JsonLines, LiveTable, PlainLines, process_table
from solquote.switch_view import SwitchView

HEALTHY = ProcessView(
    name="aggregator",
    state=ProcessState.HEALTHY,
    address="127.0.0.1:50051,8080",
    pid=4711,
    status="1080 rows, 2 files, 0 subscribers",
    restart_count=2,
    started_mono_ns=0,
)
HOUR_NS = 3_600_000_000_000


class FrozenClock:
    def unix_ns(self) -> int:
        return 1_700_000_000_123_000_000

    def mono_ns(self) -> int:
        return HOUR_NS + 61_000_000_000


def console(width: int = 120, *, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)


def text(of: Console) -> str:
    assert isinstance(of.file, io.StringIO)
    return of.file.getvalue()


@pytest.mark.parametrize(
    ("width", "shown", "left_out"),
    [
        (120, ["aggregator", "healthy", "4711", "127.0.0.1:50051,8080", "1:01:01", "1080 rows"], []),
        (80, ["aggregator", "healthy", "127.0.0.1:50051,8080", "1080 rows"], ["4711", "1:01:01"]),
        (50, ["aggregator", "healthy", "1080 rows"], ["127.0.0.1"]),
    ],
)
def test_a_narrow_terminal_loses_what_matters_least_and_no_line_wraps(
    width: int, shown: list[str], left_out: list[str]
):
    target = console(width)
    target.print(process_table([HEALTHY], now_mono_ns=FrozenClock().mono_ns(), width=width))
    for piece in shown:
        assert piece in text(target)
    for piece in left_out:
        assert piece not in text(target)
    assert len(text(target).splitlines()) == 2
    assert max(map(len, text(target).splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_only_the_status_line_is_cut(width: int):
    chatty = dataclasses.replace(HEALTHY, status="words " * 100)
    target = console(width)
    target.print(process_table([chatty], now_mono_ns=FrozenClock().mono_ns(), width=width))
    heading, row = text(target).splitlines()
    assert len(row) == width
    assert row.endswith("\u2026")
    assert ("4711" in row) == ("pid" in heading) == (width >= 100)
    assert "healthy" in row


def test_plain_lines_tell_changes_of_state_only():
    target = console()
    lines = PlainLines(target, clock=FrozenClock(), show_logs=False)
    lines.changed(HEALTHY)
    lines.changed(HEALTHY)
    lines.logged("aggregator", "not shown")
    lines.told("aggregator", "silent for 15 s, [killed]")
    assert text(target).splitlines() == [
        "22:13:20 aggregator       healthy    pid 4711     1080 rows, 2 files, 0 subscribers",
        "22:13:20 aggregator       silent for 15 s, [killed]",
    ]


def test_logs_are_prefixed_and_readable_on_request():
    target = console()
    line = '{"timestamp": "x", "level": "info", "service": "aggregator", "event": "hello [b]", "port": 7}'
    PlainLines(target, clock=FrozenClock(), show_logs=True).logged("aggregator", line)
    LiveTable(target, ["aggregator"], clock=FrozenClock(), show_logs=True).logged("aggregator", line)
    plain, live = text(target).splitlines()
    assert plain == "22:13:20 aggregator       | info    hello [b]  port=7"
    assert live == "      aggregator | info    hello [b]  port=7"


def test_json_lines_are_one_object_each():
    target = console(40)
    lines = JsonLines(target, clock=FrozenClock(), show_logs=True)
    lines.changed(HEALTHY)
    lines.told("solquote", "all is well")
    lines.logged("aggregator", "x" * 100)
    first, second, third = map(json.loads, text(target).splitlines())
    assert first == {
        "unixMs": 1_700_000_000_123,
        "process": "aggregator",
        "state": "healthy",
        "pid": 4711,
        "address": "127.0.0.1:50051,8080",
        "status": "1080 rows, 2 files, 0 subscribers",
        "restartCount": 2,
    }
    assert second["message"] == "all is well"
    assert third["log"] == "x" * 100


@pytest.mark.parametrize("width", [60, 80, 99])
def test_who_asks_from_another_terminal_sees_pid_restarts_and_uptime_rather_than_the_address(width: int):
    target = console(width)
    table = process_table([HEALTHY], now_mono_ns=FrozenClock().mono_ns(), width=width, prefers_address=False)
    target.print(table)
    assert all(piece in text(target) for piece in ("4711", " 2 ", "1:01:01"))
    assert "127.0.0.1" not in text(target)
    assert max(map(len, text(target).splitlines())) <= width


HALTED = SwitchView(state="HALTED", reason="drill", actor="person alice", changed_unix_ns=1_700_000_000_000_000_000)
SENTENCE = "trading is HALTED since 2023-11-14 22:13:20 UTC, by person alice: drill"


def test_a_stop_stands_above_the_live_table_until_it_is_released():
    target = console(terminal=True)
    table = LiveTable(target, ["aggregator"], clock=FrozenClock(), show_logs=False)
    table.changed(HEALTHY)
    table.switched(HALTED)
    table.refresh()
    assert "!! T" + SENTENCE[1:] in text(target)
    assert text(target).index("HALTED") < text(target).index("aggregator")
    target.file = io.StringIO()
    table.switched(SwitchView(state="ACTIVE"))
    table.close()
    assert "HALTED" not in text(target)


def test_a_stop_is_a_line_and_an_object():
    target = console()
    PlainLines(target, clock=FrozenClock(), show_logs=False).switched(HALTED)
    JsonLines(target, clock=FrozenClock(), show_logs=False).switched(HALTED)
    line, as_json = text(target).splitlines()
    assert line == f"22:13:20 kill switch      {SENTENCE}"
    assert json.loads(as_json)["killSwitch"]["state"] == "HALTED"


def test_the_live_table_draws_what_it_was_told():
    target = console(terminal=True)
    table = LiveTable(target, ["aggregator", "scanner"], clock=FrozenClock(), show_logs=True)
    table.changed(HEALTHY)
    table.told("scanner", "ended by SIGKILL [again]")
    table.logged("scanner", "a log line")
    table.close()
    for piece in ("aggregator", "1080 rows", "scanner: ended by SIGKILL [again]", "a log line"):
        assert piece in text(target)
