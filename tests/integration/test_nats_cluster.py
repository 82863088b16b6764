"""A cluster of three servers as `solquote nats-config` configures it: one may go, and nothing is lost."""

import asyncio
import contextlib
import itertools
import logging
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import nats.errors
import pytest
import trustme
from fakes.background import running
from fakes.nats_cluster import NatsCluster, nats_cluster
from fakes.pipeline_events import kill_switch
from fakes.pipeline_process import pipeline_process, until
from fakes.plans import plan
from fakes.ports import HOST
from fakes.stopwatch import Stopwatch
from nats.aio.client import Client
from nats.js.api import ConsumerInfo, StreamInfo

from pipeline.initializer.repair import Repairs, repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Bus, BusRole, Consumer, Stage, connect
from quote_core.bus.follow import follow, read_to_end
from quote_core.bus.lease import Lease
from quote_core.bus.lease_bucket import LEASE_STREAM
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import ProviderUnavailable
from quote_core.events import Event, ExecutionPlan, Lifecycle, Phase, Stream, TradingState, derived_id, stamp

pytestmark = pytest.mark.integration

_log = logging.getLogger(__name__)


def lifecycle(number: int) -> Lifecycle:
    header = stamp(SYSTEM_CLOCK, event_id=derived_id("cluster", number))
    return Lifecycle(header=header, service="scanner", instance="1", phase=Phase.READY, pid=number, detail="")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `ca.crt`, and `tls.crt` and `tls.key` of a server on this machine."""
    folder = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.crt")
    server = ca.issue_cert(HOST)
    server.private_key_pem.write_to_path(folder / "tls.key")
    for blob in server.cert_chain_pems:
        blob.write_to_path(folder / "tls.crt", append=True)
    return folder


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[NatsCluster]:
    async with nats_cluster(tmp_path, count=3) as running_cluster:
        async with connect_as_role(running_cluster, BusRole.INITIALIZER) as bus:
            await repaired(bus)
        yield running_cluster


def connect_as_role(cluster: NatsCluster, role: BusRole) -> contextlib.AbstractAsyncContextManager[Bus]:
    return connect(cluster.urls, name=role.value, access=cluster.access(role))


async def repaired(bus: Bus) -> Repairs:
    """As the initializer does it: again, until the cluster has found its leaders."""
    while True:
        try:
            return await repair(bus, STREAMS, replicas=3)
        except ProviderUnavailable:
            await asyncio.sleep(0.1)


class Publishing:
    """One event after the other, each until it is stored; the longest pause between two is kept."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.stored: list[int] = []
        self.longest_s = 0.0

    async def run(self) -> None:
        for number in itertools.count(1):
            watch = Stopwatch()
            while True:
                try:
                    await self._bus.publish(lifecycle(number))
                except ProviderUnavailable:
                    await asyncio.sleep(0.02)
                else:
                    break
            self.longest_s = max(self.longest_s, watch.elapsed_s)
            self.stored.append(number)

    async def until_more(self, count: int) -> None:
        seen = len(self.stored)
        await until(lambda: len(self.stored) > seen + count)


PLANNED_PAUSE_S_MAX = 5.0
ELECTION_S_MAX = 9.0
"""How long the others wait for a silent leader before they choose another: nats-server's own, and not to be set."""
AROUND_ELECTION_S_MAX = 3.0
"""A publish that was under way, the vote, the next try."""


@pytest.mark.parametrize(
    ("ending", "pause_s_max"),
    [(signal.SIGTERM, PLANNED_PAUSE_S_MAX), (signal.SIGKILL, ELECTION_S_MAX + AROUND_ELECTION_S_MAX)],
    ids=["told to end", "killed"],
)
async def test_each_server_may_end_in_turn_and_come_back_and_nothing_is_lost(
    cluster: NatsCluster, ending: signal.Signals, pause_s_max: float
) -> None:
    async with (
        connect_as_role(cluster, BusRole.SCANNER) as writer,
        connect_as_role(cluster, BusRole.EVENT_LOGGER) as reader,
    ):
        followed: list[int] = []

        async def follow_all() -> None:
            async for batch in follow(reader, Stream.SYSTEM):
                followed.extend(message.sequence for message in batch)

        publishing = Publishing(writer)
        async with asyncio.TaskGroup() as tasks:
            works = [tasks.create_task(publishing.run()), tasks.create_task(follow_all())]
            for number in range(3):
                await publishing.until_more(20)
                cluster.end(number, ending)
                await publishing.until_more(50)
                cluster.start(number)
                await cluster.until_well()
            await until(lambda: len(followed) >= len(publishing.stored))
            for work in works:
                work.cancel()
        kept = [message.sequence async for message in read_to_end(reader, Stream.SYSTEM)]
    assert len(kept) - len(publishing.stored) in (0, 1)  # the last one may have been stored when it was cancelled
    assert followed[: len(publishing.stored)] == kept[: len(publishing.stored)]
    assert publishing.longest_s < pause_s_max


class Beats:
    """When something happened, over and over."""

    def __init__(self) -> None:
        self.at_unix_s: list[float] = []

    def add(self) -> None:
        self.at_unix_s.append(time.time())

    async def until_more(self, count: int) -> None:
        seen = len(self.at_unix_s)
        await until(lambda: len(self.at_unix_s) > seen + count)

    def pause(self, *, since_unix_s: float) -> tuple[float, float]:
        """From when to when nothing happened for longest."""
        pairs = [pair for pair in itertools.pairwise(self.at_unix_s) if pair[1] >= since_unix_s]
        return max(pairs, key=lambda pair: pair[1] - pair[0])


async def leader_of(bus: Bus, what: str, cluster: NatsCluster) -> int:
    """The number of the server that leads it, once there is one."""
    if what == "cluster":
        return await cluster.leader()
    info: StreamInfo | ConsumerInfo
    while True:
        with contextlib.suppress(nats.errors.Error):
            if what == "consumer":
                info = await bus.jetstream.consumer_info(Stream.PLANNED, "executor")
            else:
                info = await bus.jetstream.stream_info(Stream.PLANNED)
            if info.cluster is not None and info.cluster.leader:
                return int(info.cluster.leader.removeprefix("nats-"))
        await asyncio.sleep(0.1)


async def test_killed_leader_costs_what_the_servers_take_to_choose_another_and_little_more(
    cluster: NatsCluster,
) -> None:
    """Of the stream, of its consumer, of the cluster: published and taken again as soon as there are leaders."""
    stored, taken = Beats(), Beats()

    async def answer(_: Event) -> tuple[Event, ...]:
        taken.add()
        return ()

    async def publish_all(planner: Bus) -> None:
        for number in itertools.count():
            event = replace(plan(), header=stamp(SYSTEM_CLOCK, event_id=derived_id("plan", number)))
            while True:
                with contextlib.suppress(ProviderUnavailable):
                    await planner.publish(event)
                    break
                await asyncio.sleep(0.02)
            stored.add()
            await asyncio.sleep(0.01)

    consumer = Consumer(
        stream=Stream.PLANNED, name="executor", events=(ExecutionPlan,), ack_wait_ms=5_000, retry_count_max=1_000
    )
    async with (
        connect_as_role(cluster, BusRole.PLANNER) as planner,
        connect_as_role(cluster, BusRole.EXECUTOR) as executor,
        running(Stage(executor, consumer, answer)),
    ):
        publishing = asyncio.create_task(publish_all(planner))
        for what in ("stream", "consumer", "cluster"):
            await taken.until_more(20)
            number = await leader_of(executor, what, cluster)
            killed_unix_s = time.time()
            cluster.end(number)
            await stored.until_more(50)
            await taken.until_more(50)
            elected = cluster.elected(since_unix_s=killed_unix_s)
            for beats, whose in ((stored, ("PLANNED",)), (taken, ("PLANNED", "PLANNED > executor"))):
                began_s, ended_s = beats.pause(since_unix_s=killed_unix_s)
                chosen_s = max((elected.get(one, 0.0) for one in whose), default=0.0)
                own_s = ended_s - max(began_s, min(chosen_s, ended_s))
                told = f"{what}: nothing {'stored' if beats is stored else 'taken'} for {ended_s - began_s:.2f} s, "
                told += f"{own_s:.2f} of these with leaders"
                _log.info(told)
                assert own_s < AROUND_ELECTION_S_MAX, told
            cluster.start(number)
            await cluster.until_well()
        publishing.cancel()


async def test_a_stage_takes_every_plan_while_a_server_is_away(cluster: NatsCluster) -> None:
    taken: list[bytes] = []

    async def answer(event: Event) -> tuple[Event, ...]:
        taken.append(event.header.event_id)
        return ()

    consumer = Consumer(
        stream=Stream.PLANNED, name="executor", events=(ExecutionPlan,), ack_wait_ms=5_000, retry_count_max=5
    )
    async with (
        connect_as_role(cluster, BusRole.PLANNER) as planner,
        connect_as_role(cluster, BusRole.EXECUTOR) as executor,
        running(Stage(executor, consumer, answer)),
    ):
        sent = []
        for number in range(60):
            if number == 20:
                cluster.end(0)
            if number == 40:
                cluster.start(0)
            event = replace(plan(), header=stamp(SYSTEM_CLOCK, event_id=derived_id("plan", number)))
            while True:
                with contextlib.suppress(ProviderUnavailable):
                    await planner.publish(event)
                    break
                await asyncio.sleep(0.02)
            sent.append(event.header.event_id)
        await until(lambda: set(taken) == set(sent))


async def test_one_server_is_made_three_and_a_second_pass_changes_nothing(cluster: NatsCluster) -> None:
    async with connect_as_role(cluster, BusRole.INITIALIZER) as bus:
        assert await repaired(bus) == Repairs()
        for stream in (*Stream, LEASE_STREAM):
            assert (await bus.jetstream.stream_info(stream)).config.num_replicas == 3
        assert await repair(bus, STREAMS, replicas=1) == Repairs(changed=(*map(str, Stream), LEASE_STREAM))
        assert await repair(bus, STREAMS) == Repairs()
        assert (await bus.jetstream.stream_info(Stream.PLANNED)).config.num_replicas == 1


async def test_a_lease_is_kept_while_a_server_is_away(cluster: NatsCluster) -> None:
    async with connect_as_role(cluster, BusRole.SCANNER) as bus:
        first, second = (
            Lease("scanner.0", holder=holder, where=holder, clock=SYSTEM_CLOCK, duration_ns=60_000_000_000)
            for holder in ("a.1", "b.1")
        )
        await first.seek(bus)
        leader = (await bus.jetstream.stream_info(LEASE_STREAM)).cluster
        assert leader is not None
        number = int(str(leader.leader).removeprefix("nats-"))
        cluster.end(number)
        while True:
            with contextlib.suppress(ProviderUnavailable):
                await second.seek(bus)
                break
            await asyncio.sleep(0.05)
        assert (first.is_held, second.is_held, second.other) == (True, False, "a.1")


async def test_processes_find_the_cluster_by_its_urls_and_one_of_them_is_enough_at_a_time(
    cluster: NatsCluster, tmp_path: Path
) -> None:
    environ = {
        "SOLQUOTE_NATS_URL": cluster.urls,
        "SOLQUOTE_NATS_CREDENTIALS": str(cluster.credentials),
        "SOLQUOTE_INITIALIZER_REPLICAS": "3",
        "SOLQUOTE_INITIALIZER_METRICS_PORT": "0",
        "SOLQUOTE_INITIALIZER_WATCH_INTERVAL": "50ms",
    }
    cluster.end(0)
    async with pipeline_process("initializer", tmp_path, environ) as initializer:
        await until(initializer.is_ready)
        cluster.start(0)
        await cluster.until_well()
        cluster.end(1)
        await until(lambda: "8 streams as planned" in initializer.lines[-1])
        assert await initializer.code_on_sigterm(seconds=2) == 0


async def test_who_has_no_key_is_not_let_in_and_a_role_has_its_own_permissions_only(cluster: NatsCluster) -> None:
    client = Client()
    with pytest.raises(nats.errors.Error, match=r"(?i)authorization violation"):
        await client.connect(cluster.urls.split(",")[0], allow_reconnect=False, connect_timeout=30)
    await client.close()
    async with connect_as_role(cluster, BusRole.SCANNER) as bus:
        with pytest.raises(ProviderUnavailable, match="may not publish"):
            await bus.publish(kill_switch(TradingState.ACTIVE))


async def test_over_tls_the_server_is_believed_for_the_authority_s_sake_alone(tmp_path: Path, authority: Path) -> None:
    async with nats_cluster(tmp_path, count=3, tls=authority) as cluster:
        assert all(url.startswith("tls://") for url in cluster.urls.split(","))
        async with connect_as_role(cluster, BusRole.INITIALIZER) as bus:
            await repaired(bus)
            assert (await bus.jetstream.stream_info(Stream.SYSTEM)).config.num_replicas == 3
        stranger = tmp_path / "stranger.crt"
        trustme.CA().cert_pem.write_to_path(stranger)
        environ = {
            "SOLQUOTE_NATS_URL": cluster.urls,
            "SOLQUOTE_NATS_CREDENTIALS": str(cluster.credentials),
            "SOLQUOTE_INITIALIZER_METRICS_PORT": "0",
            "SOLQUOTE_INITIALIZER_REPLICAS": "3",
        }
        folders = [tmp_path / name for name in ("believing", "doubting")]
        for folder in folders:
            folder.mkdir()
        async with (
            pipeline_process("initializer", folders[1], environ | {"SOLQUOTE_NATS_TLS_CA": str(stranger)}) as doubting,
            pipeline_process(
                "initializer", folders[0], environ | {"SOLQUOTE_NATS_TLS_CA": str(authority / "ca.crt")}
            ) as believing,
        ):
            await until(believing.is_ready)
            assert not doubting.is_ready()
            assert doubting.process.returncode is None
