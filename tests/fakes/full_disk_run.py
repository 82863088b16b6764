"""Run by a test in a mount namespace of its own: a supervised nats-server on a small disk that fills up and empties.

Prints one JSON line a step. Arguments: the folder to mount the disk on, its size in MiB.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Access, Bus, BusRole, connect
from quote_core.bus.access import credentials_folder
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import ProviderUnavailable
from quote_core.running.status import ProcessState, ProcessView
from solquote.supervisor.child import ChildLimits
from solquote.supervisor.lifecycle import RestartPolicy
from solquote.supervisor.nats_server import find_nats_server, prepare_nats
from solquote.supervisor.ports import KeptPorts
from solquote.supervisor.run import SupervisorStop, supervise
from solquote.supervisor.specification import EmbeddedNats, ProcessSpec

DEADLINE_S = 60.0
HOST = "127.0.0.1"
LIMITS = ChildLimits(
    start_ns_max=30_000_000_000,
    silence_ns_max=15_000_000_000,
    log_size_max_bytes=100_000,
    log_count_max=3,
    restart=RestartPolicy(delay_ns_min=100_000_000, delay_ns_max=1_000_000_000, settled_after_ns=60_000_000_000),
)


class Watcher:
    """Keeps the view, and prints every sentence."""

    def __init__(self) -> None:
        self.view: ProcessView | None = None

    def changed(self, view: ProcessView) -> None:
        self.view = view

    def told(self, name: str, sentence: str) -> None:
        say("told", f"{name}: {sentence}")

    def logged(self, name: str, line: str) -> None:
        pass


def say(step: str, what: object = None) -> None:
    sys.stdout.write(json.dumps({"step": step, "what": what}) + "\n")
    sys.stdout.flush()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110  # another process cannot set our events
            await asyncio.sleep(0.05)


async def taken(bus: Bus, count: int, *, size_bytes: int) -> int:
    """How many of so many plans the stream takes before it refuses one."""
    for number in range(count):
        try:
            await bus.publish_bytes("plan.SOL-USDC", bytes(size_bytes), {})
        except ProviderUnavailable:
            return number
    return count


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    for size_bytes in (65_536, 512):
        with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
            while file.write(bytes(size_bytes)):
                pass
    return filler


async def scenario(nats: EmbeddedNats, watcher: Watcher, disk: Path) -> None:
    def is_in(state: ProcessState) -> bool:
        return watcher.view is not None and watcher.view.state is state

    def access(role: BusRole) -> Access:
        return Access(role=role, credentials=credentials_folder(nats.data_folder) / role.value)

    url = f"nats://{HOST}:{nats.port}"
    await until(lambda: is_in(ProcessState.HEALTHY))
    async with (
        connect(url, name="initializer", access=access(BusRole.INITIALIZER)) as initializer,
        connect(url, name="planner", access=access(BusRole.PLANNER)) as planner,
    ):
        say("streams", sorted((await repair(initializer, STREAMS)).made))
        say("taken at first", await taken(planner, 10, size_bytes=1_000))
        first_pid = watcher.view.pid if watcher.view else None
        filler = await asyncio.to_thread(fill, disk)
        say("taken when full", await taken(planner, 200, size_bytes=20_000))
        await until(lambda: is_in(ProcessState.UNHEALTHY))
        say("status when full", watcher.view.status if watcher.view else "")
        filler.unlink()
        await until(lambda: is_in(ProcessState.HEALTHY) and watcher.view and watcher.view.pid != first_pid)
        await until(lambda: planner.is_connected)
        say("taken again", await taken(planner, 10, size_bytes=1_000))
        say("kept", (await planner.jetstream.stream_info("PLANNED")).state.messages)


async def main(disk: Path, size_mib: int) -> None:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "solquote-test", str(disk)]
    subprocess.run(command, check=True)  # noqa: ASYNC221  # nothing else runs yet
    ports = KeptPorts()
    nats = EmbeddedNats(
        host=HOST, port=ports.take(HOST), monitor_host=HOST, monitor_port=ports.take(HOST), data_folder=disk
    )
    prepare_nats(nats)
    spec = ProcessSpec(name="nats_server", command=(find_nats_server(), "--config", str(nats.configuration)), nats=nats)
    watcher, stop = Watcher(), SupervisorStop()
    with tempfile.TemporaryDirectory() as log_dir:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(
                supervise(
                    [spec],
                    limits=LIMITS,
                    clock=SYSTEM_CLOCK,
                    watcher=watcher,
                    log_dir=Path(log_dir),
                    stop=stop,
                    stop_ns_max=4_000_000_000,
                )
            )
            try:
                await scenario(nats, watcher, disk)
            finally:
                stop.ask()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
