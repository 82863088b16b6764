"""What market events cost: publishing them, and watching the market for them on the way of an update.

    python benchmarks/market_events.py [--json]

Publishing: events of the local quote service onto MARKET_DATA of a real nats-server, in batches each of which is
confirmed as a whole (`Bus.publish_batch`, what the service does), beside three others in the same run: core
NATS without any confirmation, the least that sending can cost; a confirmation awaited for each event, 256 at once
(`Bus.publish`); and nats-py's `publish_async`, awaited in batches of 256, of which half the rate is the floor.
After each turn the stream is asked how many it has: a figure counts what was stored, not what was sent.

Watching: the share of one update of a recorded pool's vaults that `LocalMarket.apply` spends on marks and vaults: the
same updates with a watcher and without, in turns, as processor time: this machine may be busy.

The specification's rate is 10,000 events a second (section 9). A missed one is printed, nothing more.
"""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, where other files are named like packages

import argparse
import asyncio
import contextlib
import json
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from unittest import mock

from local_quote.app import make_market
from local_quote.market import LocalMarket
from local_quote.market_events.conflation import Conflation
from local_quote.market_events.observer import MarketObserver, ObserverTerms
from local_quote.settings import LocalQuoteSettings
from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Bus, connect, connection
from quote_core.bus.stream_clock import state_of_stream
from quote_core.clock import SYSTEM_CLOCK
from quote_core.dex.pool import Pool
from quote_core.dex.programs import decode_pool
from quote_core.events import Event, PriceUpdate, Stream, encode, stamp, subject_of
from quote_core.quotes import Provenance
from quote_core.solana import CLOCK_SYSVAR, AccountUpdate, UpdateSource
from quote_core.tokens import load_tokens
from quote_core.units import LAMPORTS_PER_SOL, NS_PER_S
from recorded_market.genesis import make_genesis
from recorded_market.ledger import Commitment
from recorded_market.market import Market
from recorded_market.recording import load_recording

ROUNDS: Final = 5
EVENTS: Final = 5_000
BATCH: Final = 250
AT_ONCE: Final = 256
RATE_WANTED: Final = 10_000
RATIO_FLOOR: Final = 2.0
PATIENCE_S: Final = 30.0
"""For a confirmation: a busy machine makes a figure worse, and ends no run."""
SLOTS: Final = 150
PAIR: Final = load_tokens().pairs[0]


def price(number: int) -> PriceUpdate:
    return PriceUpdate(
        header=stamp(SYSTEM_CLOCK, slot=436_453_879),
        pair=f"{PAIR.base.symbol}-{PAIR.quote.symbol}",
        input_mint=PAIR.base.mint,
        output_mint=PAIR.quote.mint,
        input_amount=LAMPORTS_PER_SOL,
        output_amount=771_090_468 + number,
        route_id=14_785_503_960_733_045_566,
        oracle_price=0.7714,
        pool_id=PAIR.base.mint,
    )


async def in_batches(bus: Bus, events: Sequence[Event]) -> None:
    for begin in range(0, len(events), BATCH):
        await bus.publish_batch(events[begin : begin + BATCH])


async def unconfirmed(bus: Bus, events: Sequence[Event]) -> None:
    for event in events:
        headers = {"Nats-Msg-Id": event.header.event_id.hex()}
        await bus.client.publish(subject_of(event), encode(event), headers=headers)
    await bus.client.flush()


async def each_confirmed(bus: Bus, events: Sequence[Event]) -> None:
    for begin in range(0, len(events), AT_ONCE):
        await asyncio.gather(*map(bus.publish, events[begin : begin + AT_ONCE]))


async def by_the_client(bus: Bus, events: Sequence[Event]) -> None:
    jetstream = bus.client.jetstream(publish_async_max_pending=2 * AT_ONCE)
    for begin in range(0, len(events), AT_ONCE):
        answers = [
            await jetstream.publish_async(
                subject_of(event), encode(event), headers={"Nats-Msg-Id": event.header.event_id.hex()}
            )
            for event in events[begin : begin + AT_ONCE]
        ]
        await asyncio.gather(*answers)


WAYS: Final[dict[str, Callable[[Bus, Sequence[Event]], Awaitable[None]]]] = {
    "batches, each confirmed": in_batches,
    "core NATS, none confirmed": unconfirmed,
    "each confirmed, 256 at once": each_confirmed,
    "publish_async, in batches": by_the_client,
}


async def published(bus: Bus) -> list[dict[str, Any]]:
    """Events a second and processor time an event, each way the best of its rounds, in turns."""
    best: dict[str, dict[str, float]] = {name: {"per_s": 0.0, "cpu_us": float("inf")} for name in WAYS}
    stored = 0
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            events = [price(number) for number in range(EVENTS)]
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            await way(bus, events)
            took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
            stored += EVENTS
            while (await state_of_stream(bus, Stream.MARKET_DATA)).last_sequence < stored:
                took_s = time.perf_counter() - began_s  # sent is not stored
            figures = best[name]
            figures["per_s"] = max(figures["per_s"], EVENTS / took_s)
            figures["cpu_us"] = min(figures["cpu_us"], cpu_s / EVENTS * 1e6)
    return [{"way": name, **figures} for name, figures in best.items()]


def loaded_market() -> tuple[LocalMarket, list[list[AccountUpdate]]]:
    """The recorded market's pools held, and what of its slots to come changes them."""
    registry = load_tokens()
    market = make_market(LocalQuoteSettings(), registry, SYSTEM_CLOCK)
    source = Market(make_genesis(load_recording(), registry, seed=7))
    for _ in range(2):
        source.advance()
        market.slot_seen(source.clock.slot, SYSTEM_CLOCK.mono_ns())
    for pool in source.tradable_pools():
        update = answers(source, [pool.address])[0]
        assert update.account is not None
        held = decode_pool(pool.address, update.account)
        market.add_pool(held, update, Provenance.RECORDED)
        market.apply(answers(source, [CLOCK_SYSVAR, pool.address, *needs(held)]))
        market.apply(answers(source, [pool.address, *needs(held)]))
    batches = []
    for _ in range(SLOTS):
        changes = source.advance()[Commitment.PROCESSED].changes
        now_mono_ns, slot = SYSTEM_CLOCK.mono_ns(), source.clock.slot
        batches.append(
            [
                AccountUpdate(pubkey, slot, account, now_mono_ns, UpdateSource.NOTIFICATION)
                for pubkey, account in changes.items()
                if market.store.account(pubkey) is not None
            ]
        )
    return market, batches


def needs(pool: Pool) -> list[Any]:
    return [need.pubkey for need in pool.accounts_needed()]


def answers(source: Market, pubkeys: Sequence[Any]) -> list[AccountUpdate]:
    view, now_mono_ns = source.ledger.view(Commitment.PROCESSED), SYSTEM_CLOCK.mono_ns()
    return [
        AccountUpdate(pubkey, view.slot, view.accounts.get(pubkey), now_mono_ns, UpdateSource.ANSWER, now_mono_ns)
        for pubkey in pubkeys
    ]


def watched() -> dict[str, Any]:
    """Processor time: microseconds a changed pool, with a watcher and without, and milliseconds of a look."""
    best = {False: float("inf"), True: float("inf")}
    looks_ms: list[float] = []
    count = 0
    for number in range(2 * ROUNDS):
        market, batches = loaded_market()
        observer = observer_of(market)
        is_watched = bool(number % 2)
        market.watcher = observer if is_watched else None
        pool_sets = [{one for update in batch for one in market.store.pool_ids_on(update.pubkey)} for batch in batches]
        count = sum(map(len, pool_sets))
        began_ns = time.process_time_ns()
        for batch in batches:
            market.apply(batch)
        best[is_watched] = min(best[is_watched], (time.process_time_ns() - began_ns) / 1e3 / count)
    market, batches = loaded_market()
    market.watcher = observer = observer_of(market)
    for batch in batches:  # what a slot changes is looked at each time, more than at a look in use
        market.apply(batch)
        began_ns = time.process_time_ns()
        observer.look()
        looks_ms.append((time.process_time_ns() - began_ns) / 1e6)
    looks_ms.sort()
    return {
        "pools_changed": count,
        "apply_us_a_pool": best[False],
        "apply_watched_us_a_pool": best[True],
        "look_ms_median": looks_ms[len(looks_ms) // 2],
        "look_ms_p99": looks_ms[len(looks_ms) * 99 // 100],
    }


def observer_of(market: LocalMarket) -> MarketObserver:
    terms = ObserverTerms(
        amount_lamports=LAMPORTS_PER_SOL, trade_lamports_min=0, window_ns=NS_PER_S, spike_deviations=6
    )
    waiting = Conflation(per_s_max=RATE_WANTED, waiting_max=RATE_WANTED)
    return MarketObserver(market=market, waiting=waiting, clock=SYSTEM_CLOCK, terms=terms)


@contextlib.contextmanager
def nats_server() -> Iterator[str]:
    """A server of its own; where it listens."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["nats-server", "--jetstream", "--store_dir", folder, "--port", "-1", "--ports_file_dir", folder]
        command[0] = str(Path(sysconfig.get_path("scripts")) / command[0])
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            ports = Path(folder) / f"nats-server_{server.pid}.ports"
            while not ports.exists() or not ports.read_text().strip():
                time.sleep(0.01)
            yield json.loads(ports.read_text())["nats"][0]
        finally:
            server.terminate()
            server.wait()


async def on_the_bus(url: str) -> list[dict[str, Any]]:
    async with connect(url, name="benchmark") as bus:
        await repair(bus, [plan for plan in STREAMS if plan.stream is Stream.MARKET_DATA])
        return await published(bus)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    with nats_server() as url, mock.patch.object(connection, "PUBLISH_TIMEOUT_S", PATIENCE_S):
        ways = asyncio.run(on_the_bus(url))
    watching = watched()
    if as_json:
        print(json.dumps({"publishing": ways, "watching": watching}))
        return
    print(f"{'publishing':<30}{'events/s stored':>18}{'us of processor':>18}")
    for row in ways:
        print(f"{row['way']:<30}{row['per_s']:>18,.0f}{row['cpu_us']:>18.1f}")
    print()
    print(f"an update, a changed pool:    {watching['apply_us_a_pool']:8.1f} us without a watcher")
    print(f"                              {watching['apply_watched_us_a_pool']:8.1f} us with market events")
    median, p99 = watching["look_ms_median"], watching["look_ms_p99"]
    print(f"a look beside the way:        {median:8.2f} ms median, {p99:.2f} ms p99")
    if ways[0]["per_s"] < RATE_WANTED:
        print(f"below {RATE_WANTED:,} events/s")
    ratio = ways[0]["per_s"] / ways[-1]["per_s"]
    print(
        f"batches: {ratio:.2f} times publish_async; floor {RATIO_FLOOR}: {'met' if ratio >= RATIO_FLOOR else 'missed'}"
    )


if __name__ == "__main__":
    main()
