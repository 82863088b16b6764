"""Each way past the kill switch, tried on processes alone: by HTTP, on the bus, by command line and by signals."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from fakes.outside_switch import GATE_SILENCE_NS, START_DEADLINE_S, OutsideSwitch, until
from fakes.pipeline_events import kill_switch
from fakes.results import result

from quote_core.bus import Bus
from quote_core.bus.register import read_newest
from quote_core.clock import SYSTEM_CLOCK, moment
from quote_core.events import KILL_SWITCH_HEARTBEAT, KillSwitch, Outcome, TradingState

pytestmark = pytest.mark.integration
ACTIVE, HALTED = TradingState.ACTIVE, TradingState.HALTED


def switch(state: TradingState, revision: int) -> KillSwitch:
    changed_unix_ns = SYSTEM_CLOCK.unix_ns()
    return kill_switch(state, revision, reason="forged", changed_unix_ns=changed_unix_ns, sent=moment(SYSTEM_CLOCK))


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutsideSwitch]:
    running = OutsideSwitch(tmp_path_factory.mktemp("switch"))
    try:
        yield running
    finally:
        running.end()


@pytest.fixture
def outside(processes: OutsideSwitch) -> OutsideSwitch:
    """Trading."""
    if processes.manager.poll() is not None:
        processes.start_manager()
    processes.release()
    return processes


@pytest.mark.parametrize("ahead", [1, 1_000])
def test_a_release_published_by_somebody_opens_nothing(outside: OutsideSwitch, ahead: int) -> None:
    halted_ns = outside.halt()
    forged = switch(ACTIVE, outside.ask("", None)[1]["revision"] + ahead)

    async def publish(bus: Bus) -> None:
        await bus.publish(forged)

    async def is_newest(bus: Bus) -> bool:
        stored = await read_newest(bus, KillSwitch)
        return stored is not None and stored.event is not None and stored.event.header == forged.header

    outside.publish(publish)
    until(  # the manager has written what was latched again
        lambda: not outside.publish(is_newest),
        never=lambda: outside.open_since(halted_ns),
    )
    assert outside.state() == "HALTED"
    assert not outside.open_since(halted_ns)


def test_heartbeats_sent_by_somebody_open_nothing(outside: OutsideSwitch) -> None:
    halted_ns = outside.halt()

    async def send(bus: Bus) -> None:
        for revision in (1, 10_000, 2**62):
            for _ in range(20):
                await bus.push(switch(ACTIVE, revision), subject=KILL_SWITCH_HEARTBEAT)
                await asyncio.sleep(0.005)

    outside.publish(send)
    assert outside.state() == "HALTED"
    assert not outside.open_since(halted_ns)


def test_a_stop_of_the_last_revision_stops_and_all_goes_on_after_it(outside: OutsideSwitch) -> None:
    async def publish(bus: Bus) -> None:
        await bus.publish(switch(HALTED, 2**64 - 1))

    outside.publish(publish)
    until(lambda: outside.state() == "HALTED")
    outside.release()
    halted_ns = outside.halt()
    assert outside.manager.poll() is None
    assert not outside.open_since(halted_ns)


@pytest.mark.parametrize("body", [b'{"reason": "' + b"x" * 600 + b'"}', b"{", b"[1]", b'{"why": 1}'])
def test_a_stop_is_not_refused_for_its_form(outside: OutsideSwitch, body: bytes) -> None:
    status, told = outside.ask("/enable", body)
    stopped_ns = time.monotonic_ns()
    assert (status, told["state"]) == (200, "HALTED")
    assert told["actor"] == "token kill-switch.token"
    assert not outside.open_since(stopped_ns)


def test_reducing_loosens_no_halt(outside: OutsideSwitch) -> None:
    outside.halt()
    assert outside.ask("/enable", b'{"state": "REDUCING"}')[1]["state"] == "HALTED"


def test_a_stop_while_the_bus_stands_still_holds_when_it_goes_on(outside: OutsideSwitch) -> None:
    assert outside.nats.process is not None
    with outside.standing_still(outside.nats.process):
        status, _ = outside.ask("/enable")
    assert status in (200, 202)
    until(lambda: outside.state() == "HALTED")
    assert not outside.open_since(time.monotonic_ns() - 1)


def test_a_process_that_stood_still_takes_no_old_heartbeat_for_a_new_one(outside: OutsideSwitch) -> None:
    with outside.standing_still(outside.gate):
        time.sleep(0.6)  # a heartbeat or two wait in its socket
        outside.manager.kill()  # and none comes after those
        outside.manager.wait()
        time.sleep(GATE_SILENCE_NS / 1e9)
        silent_ns = time.monotonic_ns()
    with pytest.raises(AssertionError, match="never came true"):
        until(lambda: outside.open_since(silent_ns), within_s=0.5)


def test_kill_holds_with_the_manager_dead_and_when_it_is_back(outside: OutsideSwitch) -> None:
    outside.manager.kill()
    outside.manager.wait()
    command = [sys.executable, "-m", "solquote", "kill", "--reason", "drill"]
    kill = subprocess.run(command, env=outside.environment, capture_output=True, text=True, check=False)
    killed_ns = time.monotonic_ns()
    outside.start_manager()
    until(lambda: outside.state() != "", within_s=START_DEADLINE_S)
    assert outside.state() == "HALTED"
    assert kill.returncode == 0, kill.stdout
    assert not outside.open_since(killed_ns)


def test_a_manager_that_starts_again_counts_what_failed_before(outside: OutsideSwitch) -> None:
    outside.manager.kill()
    outside.manager.wait()

    async def fail(bus: Bus) -> None:
        for number in range(20):
            now_ns = SYSTEM_CLOCK.unix_ns()
            await bus.publish(result(number=number, outcome=Outcome.FAILED, finished_unix_ns=now_ns))

    outside.publish(fail)
    outside.start_manager()
    until(lambda: outside.ask("", None)[1].get("trigger") == "failed_trades", within_s=START_DEADLINE_S)
    assert outside.state() == "HALTED"
