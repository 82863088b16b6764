"""The pipeline at the specification's rates, all at once and for minutes, on real processes and a real nats-server.

    python benchmarks/sustained.py [--minutes 10]

10,000 market events a second come from a process of their own in batches that the stream confirms, 500 opportunities a
second from another, one in ten of them worth a plan. The planner judges every one and simulates what it would plan, the
executor fills 50 plans a second on paper, the auditor adds up and keeps the history, the event logger writes all of it
into its journal. Simulations are answered by the stand-in of `benchmarks/opportunity.py`.

A line a minute: what the streams stored, what is still to be journalled, resident memory of each process. The
reference is the offered rate. Floors: every stream gets what was offered, nothing is left waiting at the end but what
came in the last seconds, and no process holds more at the end than `GROWTH_MAX` times what it held once its bounded
stores were full: MARKET_DATA keeps five minutes in the server's memory. A missed one is printed, exit code 1.
"""

import sys
from pathlib import Path

sys.path.pop(0)  # this file's folder, where other files are named like packages
sys.path.insert(0, str(Path(__file__).parents[1]))

import argparse
import asyncio
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.market_events import price
from benchmarks.opportunity import opportunity, world
from benchmarks.process_use import processor_s, resident_bytes
from pipeline.event_logger.record import Kind
from pipeline.event_logger.segments import JournalFinding, records, segments
from quote_core.bus import Bus, connect
from quote_core.bus.stream_clock import state_of_stream
from quote_core.errors import ProviderUnavailable
from quote_core.events import Event, Stream
from quote_core.telemetry.logs import start_logs
from quote_core.units import LAMPORTS_PER_SOL

MARKET_PER_S: Final = 10_000
OPPORTUNITIES_PER_S: Final = 500
WORTH_ONE_IN: Final = 10
PLANS_PER_S: Final = OPPORTUNITIES_PER_S // WORTH_ONE_IN
WANTED_PER_S: Final = {
    Stream.MARKET_DATA: MARKET_PER_S,
    Stream.OPPORTUNITIES: OPPORTUNITIES_PER_S,
    Stream.PLANNED: PLANS_PER_S,
    Stream.EXECUTED: PLANS_PER_S,
}
TURN_S: Final = 0.02
RETRY_S: Final = 0.1
SETTLED_MINUTE: Final = 6
"""The streams in memory are full by then, and so is every bounded store."""
GROWTH_MAX: Final = 1.05
RATE_SHARE_MIN: Final = 0.99
UNWRITTEN_S_MAX: Final = 5.0
STAGES: Final = ("planner", "executor", "auditor", "event_logger")
MIB: Final = 1024 * 1024


@dataclass(frozen=True)
class Look:
    """What there was at one moment."""

    at_s: float
    stored: dict[Stream, int]
    """Last sequence of each stream."""
    unwritten: int
    """Market events that the journal does not have yet."""
    memory_mib: dict[str, float]
    processor_s: dict[str, float]


async def offer_market(bus: Bus) -> None:
    """At the rate, in batches of a turn's worth, until ended; what a turn missed the next one brings."""
    start, sent = time.monotonic(), 0
    while True:
        due = round((time.monotonic() - start) * MARKET_PER_S)
        with contextlib.suppress(ProviderUnavailable):  # these come again with the next
            await bus.publish_batch([price(number) for number in range(sent, due)])
            sent = max(sent, due)
        await asyncio.sleep(TURN_S)


async def offer_opportunities(bus: Bus) -> None:
    """In time and not one after the other; nine of ten give less than their costs."""
    start = time.monotonic()
    async with asyncio.TaskGroup() as publishing:
        for number in range(sys.maxsize):
            await asyncio.sleep(max(0.0, start + number / OPPORTUNITIES_PER_S - time.monotonic()))
            event = opportunity()
            if number % WORTH_ONE_IN:
                event = replace(
                    event,
                    amount_out=LAMPORTS_PER_SOL,
                    gross_profit_lamports=0,
                    net_profit_lamports=-1,
                    gross_profit_bps=0,
                )
            publishing.create_task(published(bus, event))


async def published(bus: Bus, event: Event) -> None:
    """As a stage does: until the stream has it."""
    while True:
        try:
            return await bus.publish(event)
        except ProviderUnavailable:
            await asyncio.sleep(RETRY_S)


OFFERS: Final = {"market": offer_market, "opportunities": offer_opportunities}


async def offer(what: str, url: str) -> None:
    """The part of a process of its own."""
    async with connect(url, name=f"offer-{what}") as bus:
        await OFFERS[what](bus)


@contextlib.contextmanager
def processes(environ: dict[str, str], url: str, folder: Path) -> Iterator[dict[str, int]]:
    """The stages and those that offer, by name, ended in the end."""
    environ = {
        **os.environ,
        **environ,
        "SOLQUOTE_DATA_DIR": str(folder),
        "SOLQUOTE_EXECUTOR_POOL_REST": "0s",  # the stand-in has but two pools
        "SOLQUOTE_EXECUTOR_TRADES_PER_MINUTE_MAX": "6000",
        "SOLQUOTE_EXECUTOR_PAPER_NAIVE": "true",
        "SOLQUOTE_LOG_LEVEL": "error",
    }
    children = {stage: subprocess.Popen([sys.executable, "-m", f"pipeline.{stage}"], env=environ) for stage in STAGES}
    try:
        for what in OFFERS:
            command = [sys.executable, __file__, "--offer", what, url]
            children[f"offer-{what}"] = subprocess.Popen(command, env=environ)
        yield {name: child.pid for name, child in children.items()}
    finally:
        for child in children.values():
            child.terminate()
        for child in children.values():
            child.wait()


async def look(bus: Bus, pids: dict[str, int], folder: Path, start: float) -> Look:
    stored = {stream: (await state_of_stream(bus, stream)).last_sequence for stream in WANTED_PER_S}
    return Look(
        at_s=time.monotonic() - start,
        stored=stored,
        unwritten=stored[Stream.MARKET_DATA] - await asyncio.to_thread(journalled, folder / "journal"),
        memory_mib={name: resident_bytes(pid) / MIB for name, pid in pids.items()},
        processor_s={name: processor_s(pid) for name, pid in pids.items()},
    )


def journalled(journal: Path) -> int:
    """Last market event that is in the journal's newest files."""
    for path in reversed(segments(journal)):
        found = 0
        for item in records(path):
            if isinstance(item, JournalFinding):  # being written
                break
            if item[1].kind is Kind.EVENT and item[1].stream == Stream.MARKET_DATA.value:
                found = item[1].sequence
        if found:
            return found
    return 0


async def measured(minutes: int) -> list[Look]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with world(folder) as (bus, _, nats_pid, environ):
            with processes(environ, environ["SOLQUOTE_NATS_URL"], folder) as pids:
                pids["nats-server"] = nats_pid
                start = time.monotonic()
                looks = [await look(bus, pids, folder, start)]
                for minute in range(1, minutes + 1):
                    await asyncio.sleep(max(0.0, start + 60 * minute - time.monotonic()))
                    looks.append(await look(bus, pids, folder, start))
                    tell(looks[-2], looks[-1])
                return looks


def tell(before: Look, now: Look) -> None:
    """One minute's line."""
    rates = ", ".join(f"{stream} {rate:,.1f}/s" for stream, rate in rates_between(before, now).items())
    took_s = now.at_s - before.at_s
    uses = ", ".join(
        f"{name} {mib:,.0f} MiB {(now.processor_s[name] - before.processor_s[name]) / took_s:.0%}"
        for name, mib in now.memory_mib.items()
    )
    print(f"{now.at_s:5.0f} s  {rates}, {now.unwritten:,} not yet in the journal\n         {uses}", flush=True)


def rates_between(before: Look, now: Look) -> dict[Stream, float]:
    """Messages a second."""
    return {stream: (now.stored[stream] - before.stored[stream]) / (now.at_s - before.at_s) for stream in WANTED_PER_S}


def missed(looks: list[Look]) -> list[str]:
    """Which floors do not hold; the first minute, in which all begin, counts only when there is no other."""
    faults = [
        f"{stream}: {rate:,.1f}/s of {WANTED_PER_S[stream]:,}"
        for stream, rate in rates_between(looks[len(looks) > 2], looks[-1]).items()
        if rate < WANTED_PER_S[stream] * RATE_SHARE_MIN
    ]
    if looks[-1].unwritten > UNWRITTEN_S_MAX * MARKET_PER_S:
        faults.append(f"{looks[-1].unwritten:,} events wait for the journal")
    if len(looks) > SETTLED_MINUTE + 1:
        settled, last = looks[SETTLED_MINUTE].memory_mib, looks[-1].memory_mib
        faults += [
            f"{name}: {settled[name]:,.0f} MiB grew to {mib:,.0f}"
            for name, mib in last.items()
            if mib > settled[name] * GROWTH_MAX
        ]
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--offer", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    start_logs("benchmark", "error")
    if arguments.offer:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(offer(*arguments.offer))
        return 0
    faults = missed(asyncio.run(measured(arguments.minutes)))
    print("\n".join(f"missed: {fault}" for fault in faults) or "every floor is met")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
