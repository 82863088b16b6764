"""Who may do what on the embedded server: a real nats-server with the configuration that `solquote up` gives it."""

import asyncio
import contextlib
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import nats.errors
import pytest
from fakes.embedded_nats import RunningNats, embedded_nats
from fakes.pipeline_events import kill_switch
from fakes.pipeline_process import until
from fakes.waiting import DEADLINE_S
from nats.aio.client import Client
from nats.js.api import ConsumerConfig
from structlog.testing import capture_logs

from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Bus, BusRole, Consumer, Stage, connect
from quote_core.bus.access import credentials_folder
from quote_core.bus.follow import follow, read_to_end
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import ProviderUnavailable
from quote_core.events import (
    KILL_SWITCH_HEARTBEAT,
    Event,
    KillSwitch,
    Lifecycle,
    Phase,
    Stream,
    TradingState,
    encode,
    stamp,
)

pytestmark = pytest.mark.integration


def lifecycle(role: BusRole) -> Lifecycle:
    return Lifecycle(header=stamp(SYSTEM_CLOCK), service=role.value, instance="1", phase=Phase.READY, pid=1, detail="")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningNats]:
    """A server with the platform's users and streams."""
    async with embedded_nats(tmp_path) as running:
        async with as_role(running, BusRole.INITIALIZER) as bus:
            await repair(bus, STREAMS)
        yield running


def as_role(server: RunningNats, role: BusRole) -> contextlib.AbstractAsyncContextManager[Bus]:
    return connect(server.url, name=role.value, access=server.access(role))


async def attempt(bus: Bus, subject: str, data: bytes = b"x") -> bool:
    """Whether the bus takes it."""
    try:
        await bus.publish_bytes(subject, data, {})
    except ProviderUnavailable as error:
        if f"may not publish to {subject}" in str(error):
            return False
        raise
    return True


async def test_nobody_without_a_key_is_let_in(server: RunningNats) -> None:
    client = Client()
    with pytest.raises(nats.errors.Error, match=r"(?i)authorization violation"):
        await client.connect(server.url, allow_reconnect=False, connect_timeout=30)
    await client.close()


RELEASE, STOP, PLAN, RESULT = "system.kill_switch", "system.stop", "plan.SOL-USDC", "executed.SOL-USDC.0a"
FINDING, DEAD, PRICE = "opportunity.two_hop.SOL-USDC", "dead.PLANNED.executor", "market.price.SOL-USDC"
GUARDED = (RELEASE, KILL_SWITCH_HEARTBEAT, STOP, PLAN, RESULT, FINDING, DEAD, "metrics.pnl", PRICE)
MAY = {
    BusRole.INITIALIZER: set(),
    BusRole.SYSTEM_MANAGER: {RELEASE, KILL_SWITCH_HEARTBEAT, STOP},
    BusRole.SCANNER: {STOP, FINDING},
    BusRole.PLANNER: {STOP, PLAN},
    BusRole.EXECUTOR: {STOP, RESULT, DEAD},
    BusRole.AUDITOR: {"metrics.pnl"},
    BusRole.EVENT_LOGGER: set(),
    BusRole.NOTIFIER: set(),
    BusRole.OPERATOR: {STOP},
    BusRole.PAGE: set(),
    BusRole.LOCAL_QUOTE: {PRICE},
}


@pytest.mark.parametrize("role", BusRole)
async def test_each_role_publishes_what_is_its_own_and_nothing_else(server: RunningNats, role: BusRole) -> None:
    async with as_role(server, role) as bus:
        kept = [subject for subject in GUARDED if subject != KILL_SWITCH_HEARTBEAT]
        taken = await asyncio.gather(*(attempt(bus, subject) for subject in kept))  # a refusal takes a second
        allowed = {subject for subject, is_taken in zip(kept, taken, strict=True) if is_taken}
        if await core_publish_arrives(server, bus, KILL_SWITCH_HEARTBEAT):
            allowed.add(KILL_SWITCH_HEARTBEAT)
    assert allowed == MAY[role]


async def core_publish_arrives(server: RunningNats, bus: Bus, subject: str) -> bool:
    """Heartbeats are kept by no stream, so somebody listens; the manager's own one tells when to stop."""
    heard: list[Event] = []
    last = kill_switch(TradingState.ACTIVE, 99)
    async with as_role(server, BusRole.PLANNER) as listener, as_role(server, BusRole.SYSTEM_MANAGER) as manager:
        await listener.listen(subject, heard.append)
        await bus.push(kill_switch(TradingState.ACTIVE, 99), subject=subject)
        for _ in range(2):
            await bus.client.flush()
        await manager.push(last, subject=subject)
        await until(lambda: last in heard)
    return len(heard) > 1


async def test_another_role_s_answers_cannot_be_listened_to(server: RunningNats) -> None:
    async with as_role(server, BusRole.SCANNER) as bus:
        for subject in ("_INBOX_system_manager.>", "_INBOX.>", ">", "$JS.API.>"):
            with pytest.raises(ProviderUnavailable, match="may not listen"):
                await bus.listen(subject, print)


async def test_a_release_cannot_be_forged_through_where_a_consumer_delivers(server: RunningNats) -> None:
    """JetStream delivers to whatever subject the consumer's maker names, without asking what that one may publish."""
    heard: list[Event] = []
    async with as_role(server, BusRole.OPERATOR) as forger, as_role(server, BusRole.SCANNER) as gate:
        await gate.listen(KILL_SWITCH_HEARTBEAT, heard.append)
        await gate.listen(RELEASE, heard.append)
        assert await attempt(forger, STOP, encode(kill_switch(TradingState.ACTIVE, 99)))
        for subject in (KILL_SWITCH_HEARTBEAT, PLAN):
            with contextlib.suppress(nats.errors.Error):
                await forger.jetstream.add_consumer(
                    Stream.SYSTEM, ConsumerConfig(deliver_subject=subject, filter_subject=STOP)
                )
        await until(lambda: gate.malformed_count > 0)
        assert await messages_on(server, Stream.PLANNED, "plan.>") == []
    assert heard == []


async def messages_on(server: RunningNats, stream: Stream, pattern: str) -> list[bytes]:
    async with as_role(server, BusRole.EVENT_LOGGER) as bus:
        return [message.data async for message in read_to_end(bus, stream, subjects=[pattern])]


async def test_a_role_neither_makes_nor_empties_nor_removes_streams(server: RunningNats) -> None:
    for role in set(BusRole) - {BusRole.INITIALIZER}:
        async with as_role(server, role) as bus:
            for call in (bus.jetstream.delete_stream, bus.jetstream.purge_stream):
                with pytest.raises((nats.errors.Error, TimeoutError)):
                    async with asyncio.timeout(0.3):
                        await call(Stream.SYSTEM)
    async with as_role(server, BusRole.OPERATOR) as bus:
        assert (await bus.jetstream.stream_info(Stream.SYSTEM)).config.name == "SYSTEM"


async def test_every_way_the_stages_use_the_bus_is_allowed_them(server: RunningNats) -> None:
    refused: list[str] = []

    async def bury_it(_: Event) -> list[Event]:
        raise ValueError("no")

    with capture_logs() as logs:
        async with as_role(server, BusRole.SYSTEM_MANAGER) as manager, as_role(server, BusRole.EXECUTOR) as executor:
            assert await manager.last(KillSwitch) is None
            await manager.publish(kill_switch(TradingState.ACTIVE, 99))
            await executor.publish(lifecycle(BusRole.EXECUTOR))
            assert isinstance(await executor.last(KillSwitch), KillSwitch)
            async with as_role(server, BusRole.PLANNER) as planner:
                await planner.publish_bytes(PLAN, b"no plan", {})
            stage = Stage(executor, Consumer(stream=Stream.PLANNED, name="executor"), bury_it)
            running = asyncio.create_task(stage.run())
            await until(lambda: stage.counts.dead == 1)
            running.cancel()
            async with as_role(server, BusRole.EVENT_LOGGER) as logger:
                for stream, count in ((Stream.SYSTEM, 2), (Stream.DEAD_LETTERS, 1)):
                    seen = 0
                    async with contextlib.aclosing(follow(logger, stream)) as batches:  # type: ignore[type-var]
                        async for batch in batches:
                            seen += len(batch)
                            if seen == count:
                                break
            await asyncio.gather(running, return_exceptions=True)
        refused += [entry["error"] for entry in logs if entry["event"].startswith("NATS refuses")]
    assert refused == []


async def test_keys_and_configuration_are_their_owner_s_alone_and_made_once(tmp_path: Path) -> None:
    async with embedded_nats(tmp_path) as server:
        folder = credentials_folder(tmp_path)
        files = [server.nats.configuration, *folder.iterdir()]
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, server.nats.store)} == {0o700}
        keys = {path.name: path.read_text() for path in folder.iterdir()}
        assert not any(key.strip() in server.nats.configuration.read_text() for key in keys.values())
        server.stop()
        (folder / "scanner").chmod(0o644)  # others may have read it by now
        await server.start()
        again = {path.name: path.read_text() for path in folder.iterdir()}
    assert keys.pop("scanner") != again.pop("scanner")
    assert keys == again


async def test_what_is_refused_is_an_error_that_names_the_subject(server: RunningNats) -> None:
    with capture_logs() as logs:
        async with as_role(server, BusRole.SCANNER) as bus:
            assert not await attempt(bus, RELEASE)
            assert not await attempt(bus, RELEASE)
    told = [entry for entry in logs if entry["log_level"] == "error"]
    assert len(told) == 1
    assert '"system.kill_switch"' in told[0]["error"]


async def test_a_push_that_is_refused_is_heard_from_the_second_on(server: RunningNats) -> None:
    """A push is answered by nobody; the server says apart that it was refused."""
    async with as_role(server, BusRole.SCANNER) as bus:
        await bus.push(kill_switch(TradingState.ACTIVE, 99), subject=KILL_SWITCH_HEARTBEAT)
        await bus.client.flush()
        await until(lambda: bus._errors.is_refused("publish to", KILL_SWITCH_HEARTBEAT))
        with pytest.raises(ProviderUnavailable, match=f"may not publish to {KILL_SWITCH_HEARTBEAT}"):
            await bus.push(kill_switch(TradingState.ACTIVE, 99), subject=KILL_SWITCH_HEARTBEAT)
        assert bus.refused_count == 1


async def test_a_user_whose_key_was_replaced_comes_back_with_the_new_one(server: RunningNats) -> None:
    """The server ends such a connection with an error after which the client closes for good."""
    heard: list[Event] = []
    told: list[bool] = []

    def on_connection(*, is_up: bool) -> None:
        told.append(is_up)

    access = server.access(BusRole.EXECUTOR)
    assert access.credentials is not None
    async with connect(server.url, name="executor", access=access, on_connection=on_connection) as bus:
        await bus.listen(STOP, heard.append)
        stage = Stage(bus, Consumer(stream=Stream.PLANNED, name="executor"), lambda _: asyncio.sleep(0, []))
        running = asyncio.create_task(stage.run())
        await bus.publish(lifecycle(BusRole.EXECUTOR))
        server.stop()
        access.credentials.unlink()
        await server.start()
        await until(lambda: True in told)
        async with as_role(server, BusRole.PLANNER) as planner:
            await planner.publish_bytes(STOP, encode(kill_switch(TradingState.ACTIVE, 99)), {})
            await until(lambda: heard)
            await planner.publish_bytes(PLAN, b"x", {})
            await until(lambda: stage.counts.dead == 1)
        await bus.publish(lifecycle(BusRole.EXECUTOR))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_connection_that_the_server_ends_for_good_is_made_anew(server: RunningNats) -> None:
    """Told by -ERR, after which the client says that it is closed and stays so."""
    heard: list[Event] = []
    async with as_role(server, BusRole.SCANNER) as bus:
        await bus.listen(STOP, heard.append)
        before = bus.client
        lines = server.nats.configuration.read_text().splitlines()
        key = next(line for line in lines if FINDING.rsplit(".", 1)[0] in line)
        server.nats.configuration.write_text("\n".join(line for line in lines if line != key) + "\n")
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        await until(lambda: not before.is_connected)
        server.nats.configuration.write_text("\n".join(lines) + "\n")
        server.process.send_signal(signal.SIGHUP)
        await until(lambda: bus.is_connected)
        async with as_role(server, BusRole.OPERATOR) as operator:

            async def until_heard() -> None:
                while not heard:
                    await operator.publish_bytes(STOP, encode(kill_switch(TradingState.ACTIVE, 99)), {})
                    await asyncio.sleep(0.05)

            async with asyncio.timeout(DEADLINE_S):
                await until_heard()


async def test_a_listener_that_fails_is_told_once_and_hears_the_next(server: RunningNats) -> None:
    heard: list[Event] = []

    def failing(event: Event) -> None:
        heard.append(event)
        raise KeyError("a fault of ours")

    with capture_logs() as logs:
        async with as_role(server, BusRole.SYSTEM_MANAGER) as bus:
            await bus.listen(KILL_SWITCH_HEARTBEAT, failing)
            for _ in range(3):
                await bus.push(kill_switch(TradingState.ACTIVE, 99), subject=KILL_SWITCH_HEARTBEAT)
            await until(lambda: len(heard) == 3)
            assert bus.listener_error_count == 3
    told = [entry for entry in logs if entry["log_level"] == "error"]
    assert len(told) == 1
    assert "KeyError" in repr(told[0]["exc_info"])
