"""The supervisor with real children."""

import asyncio
import dataclasses
import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from quote_core.clock import SystemClock
from solquote.supervisor import child, run
from solquote.supervisor.specification import ProcessSpec

DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nnotify('READY=1')\nwhile True: signal.pause()"

HOLD_USR1 = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
"""So that it waits for `sigwait`, however early it comes."""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_who_needs_another_starts_when_that_one_is_healthy(running, script):
    slow = script("slow", "time.sleep(0.2)\nnotify('READY=1\\nSTATUS=at last')\nsignal.pause()")
    async with running(slow, script("fast", needs=("slow",))) as platform:
        record = platform.record
        await record.until(lambda: "fast" in record.views and record.now("fast").state.value == "healthy")
        assert record.now("slow").status == "at last"
        started = {name: views[0].started_mono_ns for name, views in record.views.items()}
        assert started["fast"] - started["slow"] > 200_000_000


async def test_a_child_that_is_ready_before_its_start_is_known_is_heard(running, script, monkeypatch):
    spawn = child._spawn

    async def late(*arguments):
        process = await spawn(*arguments)
        await asyncio.sleep(0.2)  # not a wait: it makes the moment long in which the notice comes too early
        return process

    monkeypatch.setattr(child, "_spawn", late)
    async with running(script("quick")) as platform:
        await platform.record.until(lambda: bool(platform.record.sentences))
        assert platform.record.now("quick").status == "well"


async def test_it_says_once_when_all_are_healthy(running, script):
    async with running(script("one"), script("two")) as platform:
        await platform.record.until(lambda: bool(platform.record.sentences))
        assert platform.record.sentences[0].startswith("solquote: all 2 processes are healthy after ")


async def test_a_killed_child_comes_back_and_its_neighbour_does_not_notice(running, script):
    async with running(script("victim"), script("neighbour", needs=("victim",))) as platform:
        record = platform.record
        await record.until(lambda: bool(record.sentences))
        victim_pid, neighbour_pid = record.now("victim").pid, record.now("neighbour").pid
        os.kill(victim_pid, signal.SIGKILL)
        await record.until(
            lambda: record.now("victim").pid not in {victim_pid, None} and record.now("victim").status == "well"
        )
        assert record.now("victim").restart_count == 1
        assert record.now("neighbour").pid == neighbour_pid
        assert any("victim: ended by SIGKILL; restart 1 in 1 ms; log: " in sentence for sentence in record.sentences)


async def test_a_child_that_fails_at_once_is_tried_again_ever_later_and_its_last_words_are_shown(running, script):
    async with running(script("broken", "print('cannot go on'); sys.exit(3)")) as platform:
        record = platform.record
        await record.until(lambda: any("restart 4 in 8 ms" in sentence for sentence in record.sentences))
        assert any(
            sentence.startswith("broken: ended with exit code 3; restart 1 in 1 ms") for sentence in record.sentences
        )
        assert "broken:   | error   cannot go on" in record.sentences


async def test_a_command_that_is_not_there_is_told_and_tried_again(running):
    async with running(ProcessSpec(name="absent", command=("/nonexistent/program",))) as platform:
        record = platform.record
        await record.until(lambda: any("restart 2" in sentence for sentence in record.sentences))
        assert "could not be started: No such file or directory" in record.sentences[0]


async def test_a_child_that_says_nothing_from_its_start_is_killed_and_started_anew(running, script, usual_limits):
    hasty = dataclasses.replace(usual_limits, start_ns_max=300_000_000)
    async with running(script("hangs", "signal.pause()"), limits=hasty) as platform:
        await platform.record.until(lambda: any("restart 1" in sentence for sentence in platform.record.sentences))
        assert platform.record.sentences[0] == "hangs: silent for 0.3 s, killed"


async def test_a_child_that_tells_why_it_is_not_healthy_yet_is_left_alone(running, script, usual_limits, monkeypatch):
    monkeypatch.setattr(run, "_REMIND_S", 0.8)
    hasty = dataclasses.replace(usual_limits, start_ns_max=300_000_000)
    talks = "while True:\n    notify('STATUS=no node at example')\n    time.sleep(0.05)"
    async with running(script("waits", talks), script("behind", needs=("waits",)), limits=hasty) as platform:
        await platform.record.until(lambda: bool(platform.record.sentences))
        assert platform.record.sentences == ["solquote: not healthy yet: waits (no node at example)"]
        assert platform.record.now("waits").restart_count == 0


async def test_a_child_that_was_ready_and_says_why_it_is_not_any_more_is_unhealthy_until_it_is(running, script):
    talks = (
        f"{HOLD_USR1}notify('READY=1\\nSTATUS=well')\nnotify('STATUS=the node is gone')\n"
        "signal.sigwait([signal.SIGUSR1])\nnotify('READY=1\\nSTATUS=well again')\nsignal.pause()"
    )
    async with running(script("moody", talks)) as platform:
        record = platform.record
        await record.until(lambda: "moody" in record.views and record.now("moody").state.value == "unhealthy")
        assert record.now("moody").status == "the node is gone"
        os.kill(record.now("moody").pid, signal.SIGUSR1)
        await record.until(lambda: record.now("moody").status == "well again")
        assert record.states("moody") == ["starting", "healthy", "unhealthy", "healthy"]
        assert record.now("moody").restart_count == 0


async def test_who_needs_an_unhealthy_child_is_started_again_all_the_same(running, script):
    talks = f"{HOLD_USR1}notify('READY=1')\nsignal.sigwait([signal.SIGUSR1])\nnotify('STATUS=ill')\nsignal.pause()"
    async with running(script("ill", talks), script("needs_it", needs=("ill",))) as platform:
        record = platform.record
        await record.until(lambda: "needs_it" in record.views and record.now("needs_it").state.value == "healthy")
        os.kill(record.now("ill").pid, signal.SIGUSR1)
        await record.until(lambda: record.now("ill").state.value == "unhealthy")
        old_pid = record.now("needs_it").pid
        os.kill(old_pid, signal.SIGKILL)
        await record.until(
            lambda: record.now("needs_it").state.value == "healthy" and record.now("needs_it").pid != old_pid
        )
        assert record.now("ill").state.value == "unhealthy"


async def test_a_healthy_child_that_falls_silent_is_killed_and_started_anew(running, script, usual_limits):
    hasty = dataclasses.replace(usual_limits, silence_ns_max=300_000_000)
    talks = "notify('READY=1')\nwhile True:\n    time.sleep(0.05)\n    notify('WATCHDOG=1')"
    async with running(script("talks", talks), script("silent"), limits=hasty) as platform:
        record = platform.record
        await record.until(lambda: any("silent: ended by SIGKILL" in sentence for sentence in record.sentences))
        assert "silent: silent for 0.3 s, killed" in record.sentences
        assert record.now("talks").restart_count == 0


async def test_after_a_pause_of_our_own_nobody_is_taken_for_silent(running, script):
    """Ctrl-Z stops the supervisor, not its children: it has not listened."""

    class JumpingClock(SystemClock):
        def __init__(self) -> None:
            self.ahead_ns = 0
            self.looks = 0
            self.looked_often = asyncio.Event()

        def mono_ns(self) -> int:
            self.looks += 1
            if self.looks > 8:
                self.looked_often.set()
            return super().mono_ns() + self.ahead_ns

    clock = JumpingClock()
    async with running(script("calm"), clock=clock) as platform:
        await platform.record.until(lambda: bool(platform.record.sentences))
        clock.ahead_ns, clock.looks = 3_600_000_000_000, 0
        clock.looked_often.clear()
        async with asyncio.timeout(60):
            await clock.looked_often.wait()
        assert platform.record.now("calm").restart_count == 0
        assert len(platform.record.sentences) == 1


async def test_output_goes_to_the_log_and_to_who_watches(running, script, tmp_path: Path):
    chatty = script("chatty", "print('hello', flush=True); print('oops', file=sys.stderr, flush=True)\nsignal.pause()")
    async with running(chatty) as platform:
        await platform.record.until(lambda: len(platform.record.lines) == 2)
    told = [json.loads(line) for line in (tmp_path / "chatty.log").read_text().splitlines()]
    assert [(line["service"], line["level"], line["event"]) for line in told] == [
        ("chatty", "error", "hello"),
        ("chatty", "error", "oops"),
    ]
    assert [line.partition(": ")[2] for line in platform.record.lines] == list(map(json.dumps, told))


async def test_stop_ends_all_in_reverse_order_and_leaves_nothing(running, script, tmp_path: Path):
    ends = tmp_path / "ends"
    body = textwrap.dedent(
        f"""
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        notify("READY=1\\nSTATUS=" + os.environ["NOTIFY_SOCKET"])
        signal.sigwait([signal.SIGTERM])
        open({str(ends)!r}, "a").write(os.path.basename(os.environ["NOTIFY_SOCKET"]) + " ")
        """
    )
    async with running(script("first", body), script("second", body, needs=("first",))) as platform:
        record = platform.record
        await record.until(lambda: bool(record.sentences))
        pids = [record.now(name).pid for name in ("first", "second")]
        socket_dir = os.path.dirname(record.now("first").status)
        assert os.path.isdir(socket_dir)
        await platform.end()
        assert ends.read_text() == "second.sock first.sock "
        assert not any(is_alive(pid) for pid in pids)
        assert record.states("first") == ["starting", "healthy", "stopping", "stopped"]
        assert not os.path.exists(socket_dir)


async def test_a_child_that_finishes_what_it_has_in_hand_may_take_more_than_its_even_share(running, script, tmp_path):
    finished = tmp_path / "finished"
    body = textwrap.dedent(
        f"""
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        notify("READY=1")
        signal.sigwait([signal.SIGTERM])
        time.sleep(1.5)
        open({str(finished)!r}, "w").close()
        """
    )
    waves = [script("a"), script("b", needs=("a",)), script("c", needs=("b",)), script("busy", body, needs=("c",))]
    async with running(*waves, stop_ns_max=4_000_000_000) as platform:
        await platform.record.until(lambda: bool(platform.record.sentences))
        await platform.end()
        assert finished.exists()


async def test_a_child_with_something_in_hand_finishes_it_beyond_the_time_of_all(running, script, tmp_path):
    may_finish, finished = tmp_path / "may finish", tmp_path / "finished"
    body = textwrap.dedent(
        f"""
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        notify("READY=1")
        signal.sigwait([signal.SIGTERM])
        while not os.path.exists({str(may_finish)!r}): time.sleep(0.02)
        open({str(finished)!r}, "w").close()
        """
    )
    busy = replace(script("busy", body, needs=("behind",)), finish_ns_max=3_600_000_000_000)
    async with running(script("behind"), busy, stop_ns_max=200_000_000) as platform:
        record = platform.record
        await record.until(lambda: bool(record.sentences))
        platform.stop.ask()
        await record.until(lambda: record.sentences[-1].startswith("solquote: busy: finishing what is in hand"))
        assert record.states("behind")[-1] == "stopping"
        may_finish.touch()
        await platform.task
        assert finished.exists()


async def test_a_second_request_does_not_wait_for_what_is_in_hand(running, script):
    deaf = replace(script("deaf", DEAF), finish_ns_max=3_600_000_000_000)
    async with running(deaf, stop_ns_max=100_000_000) as platform:
        record = platform.record
        await record.until(lambda: bool(record.sentences))
        platform.stop.ask()
        await record.until(lambda: "finishing" in record.sentences[-1])
        platform.stop.ask()
        await platform.task
        assert record.states("deaf")[-1] == "stopped"


async def test_a_child_that_ignores_sigterm_is_killed_in_time(running, script):
    async with running(script("deaf", DEAF), stop_ns_max=200_000_000) as platform:
        await platform.record.until(lambda: bool(platform.record.sentences))
        pid = platform.record.now("deaf").pid
        await platform.end()
        assert not is_alive(pid)


async def test_a_second_request_does_not_wait(running, script):
    async with running(script("deaf", DEAF), stop_ns_max=60_000_000_000) as platform:
        await platform.record.until(lambda: bool(platform.record.sentences))
        platform.stop.ask()
        platform.stop.ask()
        await platform.task
        assert platform.record.states("deaf")[-1] == "stopped"


async def test_a_temporary_folder_with_too_long_a_name_is_refused(running, script, monkeypatch, tmp_path: Path):
    long_dir = tmp_path / ("x" * 100)
    long_dir.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long_dir))
    with pytest.raises(OSError, match="set TMPDIR to a shorter one"):
        async with running(script("child")) as platform:
            await platform.task


async def test_stop_before_anything_is_healthy_ends_at_once_and_without_a_word(running, script, caplog):
    async with running(script("hangs", "signal.pause()"), script("waits", needs=("hangs",))) as platform:
        await platform.record.until(lambda: "hangs" in platform.record.views)
        await platform.end()
        assert platform.record.states("waits") == ["stopping", "stopped"]
        gc.collect()  # asyncio complains of what nobody looked at when it is collected
        assert caplog.records == []


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path):
    """kill -9 leaves no time for anything, so the kernel has to do it."""
    program = textwrap.dedent(
        """
        import asyncio, os, sys
        from pathlib import Path
        from solquote.supervisor.child import _spawn

        async def main():
            child = [sys.executable, "-S", "-E", "-c", "import signal; signal.pause()"]
            process = await _spawn(child, dict(os.environ))
            Path(sys.argv[1]).write_text(str(process.pid))
            os.kill(os.getpid(), 9)

        asyncio.run(main())
        """
    )
    pid_path = tmp_path / "pid"
    ended = subprocess.run([sys.executable, "-c", program, str(pid_path)], check=False, timeout=120)
    assert ended.returncode == -signal.SIGKILL
    assert not is_running(int(pid_path.read_text()))


def is_running(pid: int) -> bool:
    """Whether it still runs after a moment; an orphan's zombie is for init to collect."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    with os.fdopen(descriptor):
        ready, _, _ = select.select([descriptor], [], [], 5)
    return not ready


async def test_a_hangup_reaches_who_is_healthy_and_nobody_who_still_starts(running, script):
    heard = "notify('READY=1\\nSTATUS=waits')\nsignal.sigwait([signal.SIGHUP])\nnotify('STATUS=heard')\nsignal.pause()"
    body = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])\n" + heard
    starting = "notify('STATUS=starting')\nsignal.pause()"  # SIGHUP would end it
    async with running(script("healthy", body), script("starting", starting)) as platform:
        record = platform.record
        await record.until(
            lambda: (
                record.views.keys() >= {"healthy", "starting"}
                and record.now("healthy").status == "waits"
                and record.now("starting").status == "starting"
            )
        )
        pid = record.now("starting").pid
        platform.stop.on_hangup()
        await record.until(lambda: record.now("healthy").status == "heard")
        assert record.now("starting").pid == pid
        assert is_alive(pid)
        assert not platform.stop.wanted.is_set()


@pytest.mark.parametrize("has_terminal", [False, True])
async def test_sighup_stops_who_has_a_terminal_and_is_a_hangup_to_others(has_terminal: bool, monkeypatch):
    monkeypatch.setattr(run, "_has_terminal", lambda: has_terminal)
    stop, heard = run.SupervisorStop(), asyncio.Event()
    stop.on_hangup = heard.set
    with stop.from_signals():
        os.kill(os.getpid(), signal.SIGHUP)
        await (stop.wanted if has_terminal else heard).wait()
    assert (stop.wanted.is_set(), heard.is_set()) == (has_terminal, not has_terminal)
