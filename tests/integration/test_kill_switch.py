"""The kill switch end to end: manager, stream and gates against a real server."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from fakes import gate_process
from fakes.access import control_with
from fakes.fake_clock import FakeClock
from fakes.nats_server import NatsServer
from fakes.pipeline_events import health_report, kill_switch
from fakes.running_manager import latch_in, running_manager
from fakes.waiting import DEADLINE_S, eventually

from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from pipeline.system_manager.change import MANUAL, SwitchChange
from pipeline.system_manager.http_api import make_application
from pipeline.system_manager.latch import ChangedMeanwhile, Latch, NotYetStored
from pipeline.system_manager.manager import Manager
from pipeline.system_manager.registration import AnotherManager, hold_name
from pipeline.trading_gate import TradingGate
from quote_core.bus import Bus, connect
from quote_core.bus.register import write_if_newest_is
from quote_core.clock import SYSTEM_CLOCK, moment
from quote_core.errors import ProviderUnavailable
from quote_core.events import (
    KILL_SWITCH_HEARTBEAT,
    Phase,
    StopRequest,
    Stream,
    TradingState,
    stamp,
)
from quote_core.settings import SettingsError

pytestmark = pytest.mark.integration
TOKEN = "a token for this test"
TOKEN_NAME = "token kill-switch.token"
ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


@asynccontextmanager
async def vouching_manager(bus: Bus, folder: Path, *, vouches: bool = True, **identity: str) -> AsyncIterator[Manager]:
    async with running_manager(bus, folder, **identity) as manager:
        await eventually(lambda: not manager.finding if vouches else "another system manager" in manager.finding)
        yield manager


@asynccontextmanager
async def running_gate(url: str, *, silence_ns_max: int = 1_000_000_000) -> AsyncIterator[TradingGate]:
    gate = TradingGate(nats_url=url, name="test", clock=SYSTEM_CLOCK, silence_ns_max=silence_ns_max)
    task = asyncio.create_task(gate.run())
    try:
        yield gate
    finally:
        await cancelled(task)
        assert not gate.allows_new_trades


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def by_hand(state: TradingState) -> SwitchChange:
    return SwitchChange(state, MANUAL, "a test", "tester")


async def test_gates_open_with_the_manager_close_with_a_stop_and_open_again_with_a_release(
    bus: Bus, nats_url: str, tmp_path: Path
) -> None:
    async with running_gate(nats_url) as one, running_gate(nats_url) as other:
        assert not one.allows_new_trades
        async with vouching_manager(bus, tmp_path) as manager:
            await eventually(lambda: one.allows_new_trades and other.allows_new_trades)
            await manager.change(by_hand(HALTED))
            await eventually(lambda: one.reason == "a test" and other.reason == "a test")
            assert (one.state, other.state) == (HALTED, HALTED)
            await manager.change(by_hand(ACTIVE))
            await eventually(lambda: one.allows_new_trades and other.allows_new_trades)


async def test_a_stop_outlives_manager_gate_server_and_the_loss_of_the_store(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    async with vouching_manager(bus, tmp_path) as manager:
        await manager.change(by_hand(REDUCING))
    await nats_server.restart_under(bus)
    await bus.wait_for_stream(Stream.SYSTEM)
    async with vouching_manager(bus, tmp_path) as manager, running_gate(nats_server.url) as gate:
        assert manager.held is not None
        assert manager.held.state is REDUCING
        await eventually(lambda: gate.state is REDUCING)
    await bus.jetstream.delete_stream(Stream.SYSTEM)
    await repair(bus, STREAMS)
    async with vouching_manager(bus, tmp_path) as manager, running_gate(nats_server.url) as gate:
        await eventually(lambda: gate.state is REDUCING)


async def test_a_gate_closes_when_the_manager_falls_silent_and_when_the_bus_is_gone(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    async with running_gate(nats_server.url, silence_ns_max=300_000_000) as gate:
        async with vouching_manager(bus, tmp_path):
            await eventually(lambda: gate.allows_new_trades)
        await eventually(lambda: not gate.allows_new_trades)
        assert "silent" in gate.reason
        async with vouching_manager(bus, tmp_path):
            await eventually(lambda: gate.allows_new_trades)
            gate.changed.clear()
            nats_server.stop()
            async with asyncio.timeout(DEADLINE_S):
                await gate.changed.wait()
            assert not gate.allows_new_trades
            nats_server.start()
            await eventually(lambda: gate.allows_new_trades)


async def test_a_stop_published_on_the_stream_by_hand_stops_and_is_latched(
    bus: Bus, nats_url: str, tmp_path: Path
) -> None:
    async with vouching_manager(bus, tmp_path) as manager, running_gate(nats_url) as gate:
        await eventually(lambda: gate.allows_new_trades)
        await bus.publish(kill_switch(HALTED, revision=0))
        await eventually(lambda: gate.state is HALTED)
        await eventually(
            lambda: manager.held is not None and manager.held.state is HALTED and manager.held.revision > 1
        )
        await manager.change(by_hand(ACTIVE))
        await eventually(lambda: gate.allows_new_trades)


async def test_a_release_with_a_stale_revision_is_old_news(bus: Bus, nats_url: str, tmp_path: Path) -> None:
    async with vouching_manager(bus, tmp_path) as manager, running_gate(nats_url) as gate:
        stop = await manager.change(by_hand(HALTED))
        await eventually(lambda: gate.reason == "a test")
        await bus.publish(kill_switch(ACTIVE, revision=1))
        await eventually(lambda: manager.held is not None and manager.held.revision > stop.revision)
        assert manager.held is not None
        assert manager.held.state is HALTED
        assert gate.state is HALTED


async def test_bytes_that_are_no_event_on_the_latch_halt(bus: Bus, tmp_path: Path) -> None:
    await bus.publish_bytes("system.kill_switch", b"not an event", {})
    async with vouching_manager(bus, tmp_path) as manager:
        assert manager.held is not None
        assert (manager.held.state, manager.held.trigger) == (HALTED, "unreadable_latch")


async def test_the_register_refuses_a_write_that_has_not_seen_the_newest(bus: Bus) -> None:
    first = await write_if_newest_is(bus, kill_switch(HALTED, 1), sequence=0)
    assert first is not None
    assert await write_if_newest_is(bus, kill_switch(ACTIVE, 2), sequence=0) is None
    assert await write_if_newest_is(bus, kill_switch(ACTIVE, 2), sequence=first) == first + 1


async def test_what_is_latched_is_written_again_when_it_grows_old(bus: Bus, tmp_path: Path) -> None:
    held = await latch_in(bus, tmp_path).stop(by_hand(HALTED))
    aged = FakeClock(unix_ns=SYSTEM_CLOCK.unix_ns() + 1_000)
    renewed = await latch_in(bus, tmp_path, clock=aged, restate_after_ns=1_000).look()
    assert (renewed.state, renewed.reason) == (held.state, held.reason)
    assert renewed.revision == held.revision + 1
    assert renewed.changed_unix_ns == held.changed_unix_ns


async def test_a_rule_trips_the_switch(bus: Bus, nats_url: str, tmp_path: Path) -> None:
    async with vouching_manager(bus, tmp_path) as manager, running_gate(nats_url) as gate:
        await eventually(lambda: gate.allows_new_trades)
        await bus.publish(health_report(handled_count=100, error_count=51))
        await eventually(lambda: gate.state is HALTED)
        await eventually(lambda: manager.held is not None and manager.held.trigger == "error_rate")


async def test_the_http_api_stops_shows_and_releases(bus: Bus, nats_url: str, tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with vouching_manager(bus, tmp_path) as manager, running_gate(nats_url) as gate:
        application = make_application(manager, control_with(TOKEN, name=TOKEN_NAME))
        async with TestClient(TestServer(application)) as client:
            answer = await client.post("/api/killswitch/enable", headers=headers, json={"reason": "drill"})
            assert (answer.status, (await answer.json())["state"]) == (200, "HALTED")
            await eventually(lambda: gate.reason == "drill")
            shown = await (await client.get("/api/killswitch")).json()
            assert (shown["state"], shown["reason"]) == ("HALTED", "drill")
            answer = await client.post("/api/killswitch/disable", headers=headers)
            assert (answer.status, (await answer.json())["state"]) == (200, "ACTIVE")
            await eventually(lambda: gate.allows_new_trades)


async def test_without_the_bus_a_stop_is_kept_and_a_release_refused(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with vouching_manager(bus, tmp_path) as manager, running_gate(nats_server.url) as gate:
        await eventually(lambda: gate.allows_new_trades)
        application = make_application(manager, control_with(TOKEN, name=TOKEN_NAME))
        async with TestClient(TestServer(application)) as client:
            nats_server.stop()
            answer = await client.post("/api/killswitch/disable", headers=headers)
            assert (answer.status, (await answer.json())["errorCode"]) == (503, "UNAVAILABLE")
            answer = await client.post("/api/killswitch/enable", headers=headers, json={"reason": "drill"})
            told = await answer.json()
            assert (answer.status, told["state"], told["stored"]) == (202, "HALTED", False)
            assert "have stopped" not in told["message"]
            assert (await client.get("/api/killswitch")).status == 503
            await eventually(lambda: bool(manager.finding))
            assert (await client.get("/api/health")).status == 503
            opened = watched(gate)
            nats_server.start()
            await eventually(lambda: manager.held is not None and manager.held.state is HALTED)
            await eventually(lambda: gate.reason == "drill")
            assert not opened


def watched(gate: TradingGate) -> list[str]:
    """What the gate says from now on whenever it is asked while open; it is asked at every turn of the loop."""
    opened: list[str] = []

    def ask() -> None:
        if gate.allows_new_trades:
            opened.append(gate.reason)
        asyncio.get_running_loop().call_later(0.001, ask)

    ask()
    return opened


async def test_a_stop_that_is_not_stored_outlives_the_manager(
    nats_server: NatsServer, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await latch_in(bus, tmp_path).look()
    monkeypatch.undo()  # the patience of the tests' bus: the server is gone, and does not only take its time
    async with connect(nats_server.url, name="manager") as of_manager:
        latch = latch_in(of_manager, tmp_path)
        await eventually_looked(latch)
        nats_server.stop()
        with pytest.raises(ProviderUnavailable):
            await latch.stop(by_hand(HALTED))
    await eventually(lambda: not bus.is_connected)
    nats_server.start()
    await eventually(lambda: bus.is_connected)
    await bus.wait_for_stream(Stream.SYSTEM)
    assert (await latch_in(bus, tmp_path).look()).state is HALTED


async def eventually_looked(latch: Latch) -> None:
    """A busy disk keeps the server from answering within the second that it is given."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with contextlib.suppress(ProviderUnavailable):
                await latch.look()
                return


FORGED_REVISIONS = [0, 2, 3, 1_002, 2**63, 2**64 - 1]


@pytest.mark.parametrize("revision", FORGED_REVISIONS)
async def test_a_stop_of_any_revision_stops_and_everything_goes_on_after_it(
    bus: Bus, nats_url: str, tmp_path: Path, revision: int
) -> None:
    async with vouching_manager(bus, tmp_path) as manager, running_gate(nats_url) as gate:
        await eventually(lambda: gate.allows_new_trades)
        await bus.publish(kill_switch(HALTED, revision))
        await eventually(lambda: gate.state is HALTED)
        await eventually(lambda: manager.held is not None and manager.held.state is HALTED)
        assert manager.held is not None
        assert manager.held.revision < 10
        await manager.change(by_hand(ACTIVE))
        await eventually(lambda: gate.allows_new_trades)
        await manager.change(by_hand(HALTED))
        await eventually(lambda: gate.state is HALTED)


@pytest.mark.parametrize("revision", FORGED_REVISIONS)
async def test_a_release_that_the_manager_has_not_written_opens_nothing(
    bus: Bus, nats_url: str, tmp_path: Path, revision: int
) -> None:
    async with vouching_manager(bus, tmp_path) as manager, running_gate(nats_url) as gate:
        stop = await manager.change(by_hand(HALTED))
        await eventually(lambda: gate.reason == "a test")
        opened = watched(gate)
        await bus.publish(kill_switch(ACTIVE, revision))
        await eventually(lambda: manager.held is not None and manager.held.header.event_id != stop.header.event_id)
        await eventually(lambda: gate.reason == "a test")
        assert manager.held is not None
        assert (manager.held.state, manager.held.reason) == (HALTED, "a test")
        assert not opened


async def test_a_forged_heartbeat_opens_nothing(bus: Bus, nats_url: str, tmp_path: Path) -> None:
    async with vouching_manager(bus, tmp_path) as manager, running_gate(nats_url) as gate:
        await manager.change(by_hand(HALTED))
        await eventually(lambda: gate.reason == "a test")
        opened = watched(gate)
        for _ in range(100):
            forged = kill_switch(ACTIVE, 9_999, sent=moment(SYSTEM_CLOCK))
            await bus.push(forged, subject=KILL_SWITCH_HEARTBEAT)
            await asyncio.sleep(0.005)
        assert gate.state is HALTED
        assert not opened


async def test_a_stop_request_stops_without_a_manager_and_is_latched_when_it_is_there(
    bus: Bus, nats_url: str, tmp_path: Path
) -> None:
    async with running_gate(nats_url, silence_ns_max=60_000_000_000) as gate:
        async with vouching_manager(bus, tmp_path):
            await eventually(lambda: gate.allows_new_trades)
        assert gate.allows_new_trades
        await bus.publish(stop_request("by hand"))
        await eventually(lambda: gate.reason == "by hand")
    async with running_gate(nats_url) as gate, vouching_manager(bus, tmp_path) as manager:
        assert manager.held is not None
        assert (manager.held.state, manager.held.actor) == (HALTED, "person alice, bus")
        await eventually(lambda: gate.reason == "by hand")
        await manager.change(by_hand(ACTIVE))
        await eventually(lambda: gate.allows_new_trades)


async def test_bytes_that_are_no_event_stop_too(bus: Bus, nats_url: str, tmp_path: Path) -> None:
    async with vouching_manager(bus, tmp_path) as manager, running_gate(nats_url) as gate:
        await eventually(lambda: gate.allows_new_trades)
        await bus.publish_bytes("system.stop", b"stop!", {})
        await eventually(lambda: gate.state is HALTED)
        await eventually(lambda: manager.held is not None and manager.held.trigger == "unreadable_stop")


async def test_a_release_does_not_undo_a_stop_that_came_meanwhile(bus: Bus, tmp_path: Path) -> None:
    latch = latch_in(bus, tmp_path)
    await latch.stop(by_hand(HALTED))
    await bus.publish(stop_request("just now"))
    with pytest.raises(ChangedMeanwhile):
        await latch.release(by_hand(ACTIVE))
    assert (await latch.release(by_hand(ACTIVE))).state is ACTIVE
    results = await asyncio.gather(
        latch.release(by_hand(ACTIVE)),
        latch.stop(by_hand(HALTED)),
        latch.release(by_hand(ACTIVE)),
        return_exceptions=True,
    )
    assert (await latch.look()).state is HALTED, results


async def test_reducing_does_not_loosen_a_halt(bus: Bus, tmp_path: Path) -> None:
    async with vouching_manager(bus, tmp_path) as manager:
        await manager.change(by_hand(HALTED))
        assert (await manager.change(by_hand(REDUCING))).state is HALTED


async def test_while_nats_stands_still_a_stop_is_kept_and_nothing_opens_after_it(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    async with vouching_manager(bus, tmp_path) as manager, running_gate(nats_server.url) as gate:
        await eventually(lambda: gate.allows_new_trades)
        assert nats_server.process is not None
        nats_server.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(NotYetStored) as kept:
                await manager.change(by_hand(HALTED))
            assert kept.value.is_on_disk
            await eventually(lambda: not gate.allows_new_trades)
            opened = watched(gate)
        finally:
            nats_server.process.send_signal(signal.SIGCONT)
        await eventually(lambda: manager.held is not None and manager.held.state is HALTED)
        await eventually(lambda: gate.reason == "a test")
        assert not opened


async def test_a_process_that_stood_still_begins_nothing_after_an_acknowledged_halt(
    bus: Bus, nats_url: str, tmp_path: Path
) -> None:
    command = (sys.executable, str(Path(gate_process.__file__)), nats_url, str(20_000_000_000))
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        async with vouching_manager(bus, tmp_path) as manager:
            assert process.stdout is not None
            async with asyncio.timeout(DEADLINE_S):
                await process.stdout.readline()
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(0.5)  # longer than the gate takes for a mere delay; heartbeats gather in its socket
            halted = await manager.change(by_hand(HALTED))
            acknowledged_ns = SYSTEM_CLOCK.mono_ns()
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(1.0)  # it asks its gate every 2 ms
        process.kill()
        times = [int(line) for line in (await process.stdout.read()).split()]
        assert halted.state is HALTED
        assert [at_ns for at_ns in times if at_ns > acknowledged_ns] == []
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()


async def solquote(environ: dict[str, str], *arguments: str) -> tuple[int, dict[str, object]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "solquote", *arguments, "--json", env={**os.environ, **environ}, stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    return process.returncode or 0, json.loads(out) if out else {}


async def test_kill_latches_with_the_manager_dead_and_with_it_alive(bus: Bus, nats_url: str, tmp_path: Path) -> None:
    environ = {"SOLQUOTE_NATS_URL": nats_url, "SOLQUOTE_DATA_DIR": str(tmp_path)}
    async with vouching_manager(bus, tmp_path):
        pass
    code, told = await solquote(environ | {"SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT": "9"}, "kill", "--reason", "drill")
    assert (code, told["confirmedBy"]) == (0, "bus")
    async with vouching_manager(bus, tmp_path) as manager, running_gate(nats_url) as gate:
        assert manager.held is not None
        assert (manager.held.state, manager.held.reason) == (HALTED, "drill")
        assert manager.held.actor.startswith("person ")
        await manager.change(by_hand(ACTIVE))
        await eventually(lambda: gate.allows_new_trades)
        (tmp_path / "kill-switch.token").write_text(TOKEN.replace(" ", "-"))
        application = make_application(manager, control_with(TOKEN.replace(" ", "-"), name=TOKEN_NAME))
        async with TestServer(application) as server:
            port = {"SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT": str(server.port)}
            code, told = await solquote(environ | port, "kill")
        assert (code, told["confirmedBy"], told["state"]) == (0, "system manager", "HALTED")
        await eventually(lambda: gate.state is HALTED)


def stop_request(reason: str) -> StopRequest:
    return StopRequest(header=stamp(SYSTEM_CLOCK), state=HALTED, trigger=MANUAL, reason=reason, actor="person alice")


async def test_a_second_manager_with_another_folder_is_refused_and_releases_nothing(
    nats_url: str, bus: Bus, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    async with (
        vouching_manager(bus, one) as manager,
        running_gate(nats_url) as gate,
        vouching_manager(bus, two, name="two", vouches=False) as second,
    ):
        assert str(one) in second.finding
        with pytest.raises(AnotherManager):
            await second.look()
        stop = await manager.change(by_hand(HALTED))
        with pytest.raises(AnotherManager):
            await second.change(by_hand(ACTIVE))
        assert (await manager.look()) == stop
        assert not gate.allows_new_trades
        await manager.change(by_hand(ACTIVE))
        await eventually(lambda: gate.allows_new_trades)
        with contextlib.suppress(NotYetStored, AnotherManager):
            await second.change(by_hand(HALTED))  # a stop is everybody's
        await eventually(lambda: not gate.allows_new_trades)
        assert (await manager.look()).state is HALTED


async def test_a_manager_that_ended_on_purpose_makes_room_and_a_killed_one_only_for_whom_a_person_names(
    bus: Bus, tmp_path: Path
) -> None:
    async with vouching_manager(bus, tmp_path / "one"):
        pass
    async with vouching_manager(bus, tmp_path / "two", name="two") as two:
        killed = two._registration._event(Phase.READY)
    await bus.publish(replace(killed, header=stamp(SYSTEM_CLOCK)))  # as if it had not had the time to leave
    async with vouching_manager(bus, tmp_path / "three", name="three", vouches=False) as three:
        assert "TAKES_OVER=two" in three.finding
    async with vouching_manager(bus, tmp_path / "two", name="two"):  # the killed one itself needs no permission
        pass
    await bus.publish(replace(killed, header=stamp(SYSTEM_CLOCK)))
    async with vouching_manager(bus, tmp_path / "three", name="three", takes_over="two"):
        pass


async def test_a_manager_of_a_copied_folder_takes_over_and_the_first_vouches_no_more(bus: Bus, tmp_path: Path) -> None:
    async with vouching_manager(bus, tmp_path / "one") as first, vouching_manager(bus, tmp_path / "copy") as copy:
        await eventually(lambda: "another system manager" in first.finding)
        assert not copy.finding
        with pytest.raises(AnotherManager):
            await first.change(by_hand(ACTIVE))


def test_a_folder_has_one_manager_and_it_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "kill-switch.manager"
    with (
        hold_name(path) as name,
        pytest.raises(SettingsError, match="another system manager runs with"),
        hold_name(path),
    ):
        pass
    with hold_name(path) as again:
        assert again == name
    path.write_text("nonsense")
    with hold_name(path) as other:
        assert len(other) == len(name)
        assert path.read_text() == f"{other}\n"
    assert path.stat().st_mode & 0o777 == 0o600
