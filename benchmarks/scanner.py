"""What the scanner costs for a changed pair, and how long it takes from shared memory to an opportunity on the bus.

    python benchmarks/scanner.py [--rounds 300] [--writes 300] [--json]

Compute, in this process: 12 staking tokens, each paired with SOL and with USDC, and SOL with USDC, which
is 156 cycles; 40 amounts a direction, in real shared memory. A pair's 80 rows are written anew; timed apart are taking
them in and looking at the pair and the cycles through it, once while nothing gains and once while cycles do. Beside
them, in the same run: reading the rows and nothing else, and one search compiled and by the Python specification.

Bus, over a real nats-server and `python -m pipeline.scanner`: from just before three ladders are shown in shared
memory, anew each time, until the opportunity has come back to a listener here, and until it was found, by its own time.
Beside it, in the same run: the same event published from here, until it has come back. Targets: 10 us a changed pair,
p99 1 ms to the bus; one that is missed is printed.
"""

import sys

sys.path.pop(0)  # this file's folder: the files beside it are named like the packages they measure

import argparse
import asyncio
import contextlib
import gc
import json
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

from solders.pubkey import Pubkey as SoldersPubkey

from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from pipeline.scanner.book import Book
from pipeline.scanner.ladder import Rung, best_amounts, settled
from pipeline.scanner.loop import Scanner
from pipeline.scanner.rungs import Rungs, Walk
from pipeline.scanner.settings import ScannerSettings
from pipeline.settings import CostSettings
from quote_core.bus import Bus, connect
from quote_core.clock import SYSTEM_CLOCK, moment
from quote_core.events import (
    KILL_SWITCH_HEARTBEAT,
    Event,
    KillSwitch,
    TradingState,
    TriangularArbitrage,
    random_id,
    stamp,
)
from quote_core.tokens import Pair, load_tokens
from quote_core.watch import DEFAULT_AMOUNTS, first_watched_row, watched_row_count
from shm import Flag, QuoteReader, QuoteWriter
from solquote.supervisor.nats_server import find_nats_server
from solquote.supervisor.ports import KeptPorts

HOST: Final = "127.0.0.1"
COMPUTE_TARGET_US: Final = 10.0
BUS_TARGET_P99_MS: Final = 1.0
READY_S: Final = 60.0
FEE: Final = 0.9975
"""What each swap leaves: round three of them nothing gains."""
GAIN: Final = 1.02
"""What one leg gives more while a triangle gains."""
TOKENS: Final = load_tokens()
SOL, USDC = (TOKENS.resolve(symbol, field="symbol") for symbol in ("SOL", "USDC"))
STAKING: Final = tuple(pair.quote for pair in TOKENS.pairs if pair.quote.category == "lst")[:12]
PAIRS: Final = (
    Pair(SOL, USDC),
    *(Pair(SOL, token) for token in STAKING),
    *(Pair(token, USDC) for token in STAKING),
)
USD: Final = {SOL.mint: 140.0, USDC.mint: 1.0, **{token.mint: 160.0 for token in STAKING}}
LEGS: Final = ((SOL, USDC), (USDC, STAKING[0]), (STAKING[0], SOL))
"""The triangle that gains, if any."""
TRIANGLE: Final = (PAIRS[0], PAIRS[1], Pair(STAKING[0], USDC))


class Table:
    """All rows in shared memory; each direction is one pool of constant product at the oracle's price."""

    def __init__(self, writer: QuoteWriter, pairs: Iterable[Pair]) -> None:
        self._writer = writer
        self._slot = 400
        self._rows: dict[tuple[str, str], tuple[int, float, list[tuple[int, int]]]] = {}
        for position, pair in enumerate(pairs):
            for is_reverse, (given, taken) in enumerate(pair.directions()):
                first = first_watched_row(position, is_reverse=bool(is_reverse), amount_count=len(DEFAULT_AMOUNTS))
                mints = [bytes(SoldersPubkey.from_string(token.mint)) for token in (given, taken)]
                size = USD[SOL.mint] / USD[given.mint] * 10.0 ** (given.decimals - SOL.decimals)
                price = USD[given.mint] / USD[taken.mint]
                rate = price * 10.0 ** (taken.decimals - given.decimals) * FEE
                depth = 200_000 * 10**9 * size
                sizes = [round(amount * size) for amount in DEFAULT_AMOUNTS]
                self._rows[given.mint, taken.mint] = (
                    first,
                    price,
                    [(amount, int(amount * rate / (1 + amount / depth))) for amount in sizes],
                )
                for row in range(first, first + len(sizes)):
                    writer.assign(row, *mints)

    def write(self, directions: Iterable[tuple[str, str]], *, gain: float = 1.0) -> tuple[int, int]:
        """Directions anew, in the next slot; of the last of `LEGS` that much more. Gives both clocks of that moment."""
        self._slot += 1
        self._writer.beat()
        batch, now = self._writer.batch(), SYSTEM_CLOCK.unix_ns()
        for direction in directions:
            first, price, rungs = self._rows[direction]
            factor = gain if direction == (LEGS[-1][0].mint, LEGS[-1][1].mint) else 1.0
            for row, (amount, output) in enumerate(rungs, first):
                batch.put(
                    row,
                    input_amount=amount,
                    output_amount=int(output * factor) + self._slot % 2,
                    ts_ns=now,
                    oracle_price=price,
                    route_id=first + 1,
                    slot=self._slot,
                    dex_id=1,
                    flags=Flag.CONFIDENCE_PRESENT,
                    confidence_bps=9_500,
                    price_impact_ppm=100,
                )
        shown = time.monotonic_ns(), time.time_ns()
        self._writer.publish_batch(batch)
        return shown

    def rungs(self, direction: tuple[str, str], *, gain: float = 1.0) -> list[Rung]:
        """A direction's ladder, for the specification."""
        first, _, rungs = self._rows[direction]
        return [Rung(amount, int(output * gain), first + 1) for amount, output in rungs]


def held(rungs: Iterable[Rung]) -> Rungs:
    ladder = Rungs()
    for row, rung in enumerate(rungs):
        ladder.put(row, *rung, 0)
    return ladder


class Silent:
    """A bus that takes everything at once, an open gate, and the turn."""

    allows_new_trades = is_held = True

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def publish(self, event: Event) -> None:
        """Take it."""
        self.events.append(event)


def directions_of(pair: Pair) -> list[tuple[str, str]]:
    return [(given.mint, taken.mint) for given, taken in pair.directions()]


def rows_of(position: int) -> range:
    first = first_watched_row(position, is_reverse=False, amount_count=len(DEFAULT_AMOUNTS))
    return range(first, first + 2 * len(DEFAULT_AMOUNTS))


class Measured:
    """Times by what they are of."""

    def __init__(self) -> None:
        self._took_ns: dict[str, list[int]] = {}

    @contextlib.contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Of what is done meanwhile."""
        start_ns = time.perf_counter_ns()
        yield
        self.add(what, time.perf_counter_ns() - start_ns)

    def add(self, what: str, took_ns: int) -> None:
        """One more."""
        self._took_ns.setdefault(what, []).append(took_ns)

    def rows(self) -> Iterator[dict[str, Any]]:
        """In the order in which they were first taken."""
        for what, took_ns in self._took_ns.items():
            cuts = quantiles(took_ns, n=100)
            yield {"what": what, "count": len(took_ns), "p50_us": cuts[49] / 1e3, "p99_us": cuts[98] / 1e3}


async def compute(rounds: int, measured: Measured) -> None:
    """Every round another pair changes; then that of the triangle, again and again, and it gains."""
    settings, bus = ScannerSettings(), Silent()
    rates, thresholds = CostSettings().rates(), settings.thresholds()
    row_count = watched_row_count(pair_count=len(PAIRS), amount_count=len(DEFAULT_AMOUNTS))
    with tempfile.TemporaryDirectory() as name, QuoteWriter.open(name) as writer, QuoteReader.open(name) as quotes:
        table = Table(writer, PAIRS)
        scanner = Scanner(
            quotes=quotes,
            book=Book(PAIRS, amount_count=len(DEFAULT_AMOUNTS), cycle_leg_count_max=settings.cycle_leg_count_max),
            publisher=bus,
            gate=bus,
            turn=bus,
            clock=SYSTEM_CLOCK,
            rates=rates,
            thresholds=thresholds,
            quote_age_ns_max=2**60,  # a pair is written anew only every so many rounds
        )
        table.write([direction for pair in PAIRS for direction in directions_of(pair)])
        await scanner.look_at(range(row_count))
        gc.disable()
        for number in range(rounds):
            position = number % len(PAIRS)
            rows = rows_of(position)
            table.write(directions_of(PAIRS[position]))
            with measured.timed("80 rows read and nothing else"):
                for row in rows:
                    quotes.quote(row)
            with measured.timed("80 rows taken in"):
                scanner.take_in(rows)
            with measured.timed("a changed pair, nothing gains"):
                await scanner.look()
        assert not bus.events
        searched = scanner.counts.searched
        for _ in range(rounds):
            table.write(directions_of(PAIRS[1]), gain=GAIN)
            scanner.take_in(rows_of(1))
            with measured.timed("a changed pair, cycles gain"):
                await scanner.look()
        searched = (scanner.counts.searched - searched) // rounds
        print(f"{searched} cycles gain, {len(bus.events) // rounds} are told a change", file=sys.stderr)
        rungs = [table.rungs((a.mint, b.mint), gain=GAIN if b is SOL else 1.0) for a, b in LEGS]
        walk, legs = Walk([[held(one)] for one in rungs]), [[settled(one)] for one in rungs]
        terms = {
            "gross_bps_min": thresholds.gross_profit_bps_min,
            "fee_bps": rates.flash_loan_fee_bps,
            "fixed_cost": 15_000,
        }
        for _ in range(rounds):
            with measured.timed("one search of three legs"):
                walk.best_amounts(**terms, oldest_ns=0, newest_ns=0)
        for _ in range(max(3, rounds // 20)):
            with measured.timed("the same by the specification"):
                best_amounts(legs, **terms)
        gc.enable()


@contextlib.asynccontextmanager
async def nats(folder: Path) -> AsyncIterator[tuple[Bus, str]]:
    """A server with its streams, and somebody who allows trading."""
    ports = KeptPorts()
    port = ports.take(HOST)
    config = folder / "nats.conf"
    # Without users: who may do what is not what is measured. Synced like the platform's own.
    config.write_text(
        f'listen: "{HOST}:{port}"\njetstream {{ store_dir: "{folder / "nats"}", sync_interval: always }}\n'
    )
    server = await asyncio.create_subprocess_exec(
        find_nats_server(), "-c", str(config), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with connect(f"nats://{HOST}:{port}", name="benchmark") as bus:
            await repair(bus, STREAMS)
            allowing = asyncio.create_task(allow_trading(bus))
            try:
                yield bus, f"nats://{HOST}:{port}"
            finally:
                allowing.cancel()
    finally:
        ports.close()
        server.kill()
        await server.wait()


async def allow_trading(bus: Bus) -> None:
    active = KillSwitch(
        header=stamp(SYSTEM_CLOCK),
        state=TradingState.ACTIVE,
        trigger="manual",
        reason="benchmark",
        actor="",
        revision=1,
        changed_unix_ns=0,
    )
    await bus.publish(active)
    while True:
        await bus.push(replace(active, sent=moment(SYSTEM_CLOCK)), subject=KILL_SWITCH_HEARTBEAT)
        await asyncio.sleep(0.1)


@contextlib.contextmanager
def scanning(url: str, folder: Path) -> Iterator[None]:
    """`python -m pipeline.scanner` over the triangle."""
    registry = json.loads((resources.files("quote_core") / "data" / "tokens.json").read_text(encoding="utf-8"))
    registry["pairs"] = [{"base": pair.base.symbol, "quote": pair.quote.symbol} for pair in TRIANGLE]
    tokens_path = folder / "tokens.json"
    tokens_path.write_text(json.dumps(registry), encoding="utf-8")
    environ = {
        **os.environ,
        "SOLQUOTE_NATS_URL": url,
        "SOLQUOTE_DATA_DIR": str(folder),
        "SOLQUOTE_SHM_DIR": str(folder),
        "SOLQUOTE_TOKENS_PATH": str(tokens_path),
        "SOLQUOTE_SCANNER_DEDUPE_WINDOW": "0s",
        "SOLQUOTE_SCANNER_METRICS_PORT": "0",
        "SOLQUOTE_LOG_LEVEL": "error",
    }
    child = subprocess.Popen([sys.executable, "-m", "pipeline.scanner"], env=environ)
    try:
        yield
    finally:
        child.terminate()
        child.wait()


class Heard:
    """The opportunity that came last."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.event: Event | None = None

    def take(self, event: Event) -> None:
        """Note one."""
        self.event = event
        self.came.set()


async def to_the_bus(writes: int, measured: Measured) -> None:
    """One write, one opportunity, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with nats(folder) as (bus, url):
            heard = Heard()
            await bus.listen("opportunity.triangular.*", heard.take)
            with QuoteWriter.open(folder) as writer, scanning(url, folder):
                table, legs = Table(writer, TRIANGLE), [(given.mint, taken.mint) for given, taken in LEGS]
                async with asyncio.timeout(READY_S):
                    while heard.event is None:
                        table.write(legs, gain=GAIN)
                        await asyncio.sleep(0.1)
                for _ in range(writes):
                    await asyncio.sleep(0.01)
                    heard.came.clear()
                    start_ns, start_unix_ns = table.write(legs, gain=GAIN)
                    await heard.came.wait()
                    measured.add("shared memory to the bus", time.monotonic_ns() - start_ns)
                    measured.add("of that, until it is found", heard.event.header.created_unix_ns - start_unix_ns)
                found = heard.event
            assert isinstance(found, TriangularArbitrage)
            for _ in range(writes):
                await asyncio.sleep(0.01)
                heard.came.clear()
                start_ns = time.monotonic_ns()
                await bus.publish(replace(found, header=stamp(SYSTEM_CLOCK, event_id=random_id(), slot=1)))
                await heard.came.wait()
                measured.add("the same event, published from here", time.monotonic_ns() - start_ns)


async def run(rounds: int, writes: int) -> list[dict[str, Any]]:
    measured = Measured()
    await compute(rounds, measured)
    await to_the_bus(writes, measured)
    return list(measured.rows())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--writes", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = asyncio.run(run(arguments.rounds, arguments.writes))
    if arguments.json:
        print(json.dumps(rows))
        return
    print(f"{'what':<38}{'count':>7}{'p50 us':>11}{'p99 us':>11}")
    for row in rows:
        print(f"{row['what']:<38}{row['count']:>7}{row['p50_us']:>11.1f}{row['p99_us']:>11.1f}")
    of = {row["what"]: row for row in rows}
    looked, told = of["a changed pair, nothing gains"]["p50_us"], of["shared memory to the bus"]["p99_us"]
    print(f"target: {COMPUTE_TARGET_US:g} us a changed pair: {'met' if looked < COMPUTE_TARGET_US else 'missed'}")
    print(f"target: p99 {BUS_TARGET_P99_MS:g} ms to the bus: {'met' if told < BUS_TARGET_P99_MS * 1e3 else 'missed'}")


if __name__ == "__main__":
    main()
