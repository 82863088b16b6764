"""What tracing costs where it matters: an account update priced and encoded, and a batch of quotes written.

    python benchmarks/traces.py [--json]

Two of each part side by side in one process, one traced with an exporter that encodes what it is given and throws it
away, one not. Both get each batch one right after the other, in turns the one or the other first, so that what else the
machine does falls on both. Processor time:

- hot path: until the message, or the shared memory, is there. Target: within 3 %, as the median of all pairs.
- afterwards: what is worked out then, exporter's thread and waiting loop included, for each batch.

At two ratios: the default, and everything. With the default exporter, none, the untraced side is what runs: a check
for None where a batch passes.
"""

import sys

sys.path.pop(0)  # this file's folder

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from aggregator.columns import LocalColumns
from aggregator.held import Source
from aggregator.oracle import OraclePrices
from aggregator.selection import Judge
from aggregator.shm_publisher import ShmPublisher
from aggregator.spans import WrittenSpans
from aggregator.table import QuoteTable
from local_quote.app import make_market
from local_quote.settings import LocalQuoteSettings
from local_quote.wire import QuoteEncoder
from quote_core.clock import SYSTEM_CLOCK, moment
from quote_core.dex.programs import PROGRAMS, decode_pool
from quote_core.errors import CorruptAccount, SolquoteError
from quote_core.generated.solquote.v1.local_quote_pb2 import LocalQuote, LocalQuoteColumns, LocalQuoteGroup
from quote_core.generated.solquote.v1.quotes_pb2 import Freshness
from quote_core.quotes import Provenance, QuoteKey
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.telemetry.afterwards import DELAY_S
from quote_core.telemetry.otel import OtelTracer
from quote_core.telemetry.quote_ids import QuoteIds
from quote_core.telemetry.traces import install
from quote_core.tokens import load_tokens
from recorded_market.genesis import make_genesis
from recorded_market.ledger import Commitment
from recorded_market.market import Market as RecordedMarket
from recorded_market.recording import load_recording
from shm import QuoteWriter, Role

TURN_COUNT: Final = 30
BATCHES_A_TURN: Final = 20
QUOTE_COUNT: Final = 80
RATIOS: Final = (0.01, 1.0)


class Encoding(SpanExporter):
    """Does what an exporter does, but for the sending."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Encode them."""
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


def updates_of(accounts: Any, slot: int) -> list[AccountUpdate]:
    """Accounts of a slot as a poll would bring them."""
    now = SYSTEM_CLOCK.mono_ns()
    return [AccountUpdate(pubkey, slot, account, now, UpdateSource.ANSWER, now) for pubkey, account in accounts.items()]


class Pricing:
    """A local quote service's market with a subscriber of 40 amounts a direction."""

    def __init__(self, source: RecordedMarket) -> None:
        registry = load_tokens()
        self._market = market = make_market(LocalQuoteSettings(), registry, SYSTEM_CLOCK)
        view = source.ledger.view(Commitment.PROCESSED)
        for update in updates_of(view.accounts, view.slot):
            if update.account is not None and update.account.owner in PROGRAMS:
                try:
                    pool = decode_pool(update.pubkey, update.account)
                    registry.pair(pool.mint_a, pool.mint_b)
                except (CorruptAccount, SolquoteError):
                    continue
                market.add_pool(pool, update, Provenance.RECORDED)
        market.slot_seen(view.slot - 1, SYSTEM_CLOCK.mono_ns())
        for _ in range(3):
            wanted = {pubkey: view.accounts.get(pubkey) for entry in market.store for pubkey in entry.accounts}
            wanted |= {pubkey: view.accounts.get(pubkey) for pubkey in market.basic_accounts()}
            market.apply(updates_of(wanted, view.slot))
        rows = market.register(
            (one, other, 10**one.decimals * (step + 1) // 4)
            for pair in registry.pairs
            for one, other in pair.directions()
            for step in range(40)
        )
        self._encoder = QuoteEncoder(
            table=market.table, oracle=market.oracle, clock=SYSTEM_CLOCK, stale_after_ns=5_000_000_000
        )
        self._following = market.subscriptions.follow((row, number) for number, row in enumerate(rows))
        self._subscriber = self._following.__enter__()

    def take(self, updates: Sequence[AccountUpdate]) -> None:
        """Bytes of a slot in, one message out."""
        self._market.apply(updates)
        told = self._encoder.told(self._subscriber.labels, self._subscriber.take(), self._market.chain_clock)
        told.batches(count_max=4_000, sequence=1, snapshot=False)


class Writing:
    """An aggregator's table and file."""

    def __init__(self, folder: Path, tracer: OtelTracer | None) -> None:
        tokens = load_tokens()
        sol, usdc = (tokens.resolve(symbol, field="").mint for symbol in ("SOL", "USDC"))
        spans = WrittenSpans(tracer, SYSTEM_CLOCK) if tracer is not None else None
        self._table = QuoteTable(
            tokens=tokens,
            clock=SYSTEM_CLOCK,
            judge=Judge(oracle=OraclePrices(stale_after_ns=10**12), stale_after_ns=dict.fromkeys(Source, 10 * 10**9)),
            local_file=ShmPublisher(QuoteWriter.open(folder, Role.INTERNAL), ttl_slots=10, spans=spans),
        )
        for row in range(QUOTE_COUNT):
            self._table.row_added(row, QuoteKey(sol, usdc, 10**9 * (row + 1)))

    def take(self, message: bytes) -> None:
        """One message's worth."""
        self._table.take_columns(LocalColumns(message), 0, QUOTE_COUNT)


def flow_of_slots(source: RecordedMarket) -> Iterator[list[AccountUpdate]]:
    """What the market's own swaps change, slot by slot."""
    while True:
        block = source.advance()[Commitment.PROCESSED]
        yield updates_of(block.changes, block.slot)


def flow_of_quotes() -> Iterator[bytes]:
    """Messages in which every output differs from the one before."""
    registry = load_tokens()
    sol, usdc = (registry.resolve(symbol, field="").mint for symbol in ("SOL", "USDC"))
    output_amount = 81_000_000
    while True:
        output_amount += 1
        now = moment(SYSTEM_CLOCK)
        vouched = Freshness(
            boot_id=now.boot_id, vouched_mono_ns=now.mono_ns, vouched_unix_ns=now.unix_ns, vouched_slot=400
        )
        common = LocalQuote(
            input_mint=sol, output_mint=usdc, oracle_price=81.0, route_id=0x9E3779B97F4A7C15, freshness=vouched
        )
        group = LocalQuoteGroup(
            common=common,
            rows=range(QUOTE_COUNT),
            input_amounts=[10**9 * (row + 1) for row in range(QUOTE_COUNT)],
            output_amounts=[output_amount * (row + 1) for row in range(QUOTE_COUNT)],
            price_impacts=[0.0001] * QUOTE_COUNT,
            versions=[1] * QUOTE_COUNT,
            quoted_unix_ns=[now.unix_ns] * QUOTE_COUNT,
            quote_cache_ages_ms=[0] * QUOTE_COUNT,
        )
        yield LocalQuoteColumns(groups=[group]).SerializeToString()


async def compare(name: str, plain: Any, traced: Any, flow: Iterator[Any]) -> dict[str, float]:
    """The same batches for both; prints one line."""
    sides = plain, traced
    hot: tuple[list[int], list[int]] = [], []
    afterwards = []
    for turn in range(TURN_COUNT):
        for number in range(BATCHES_A_TURN):
            batch = next(flow)
            for which in (0, 1) if (turn + number) % 2 else (1, 0):
                began_ns = time.thread_time_ns()
                sides[which].take(batch)
                hot[which].append(time.thread_time_ns() - began_ns)
        began_ns = time.process_time_ns()
        await asyncio.sleep(1.5 * DELAY_S)
        afterwards.append((time.process_time_ns() - began_ns) / BATCHES_A_TURN)
    ratio = median(with_it / without for without, with_it in zip(*hot, strict=True))
    untraced_us, later_us = median(hot[0]) / 1e3, sum(afterwards) / TURN_COUNT / 1e3
    told = f"hot path {100 * (ratio - 1):+5.1f} %; afterwards {later_us:7.1f} us"
    print(f"{name:<32} {untraced_us:8.1f} us untraced; {told}")
    return {"untraced_us": untraced_us, "hot_path_ratio": ratio, "afterwards_us": later_us}


async def measure() -> dict[str, Any]:
    """All of it."""
    results = {}
    for ratio in RATIOS:
        ids = QuoteIds(run_id="bench", ratio=ratio)
        tracer = OtelTracer("bench", Encoding(), ids=ids, ratio=ratio, is_batched=True)
        source = RecordedMarket(make_genesis(load_recording(), load_tokens(), seed=1))
        plain = Pricing(source)
        with install(tracer):
            traced = Pricing(source)
        results[f"price_{ratio}"] = await compare(f"update priced, ratio {ratio}", plain, traced, flow_of_slots(source))
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            writing = (Writing(Path(one), None), Writing(Path(other), tracer))
            results[f"write_{ratio}"] = await compare(
                f"{QUOTE_COUNT} quotes written, ratio {ratio}", *writing, flow_of_quotes()
            )
        tracer.close()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    results = asyncio.run(measure())
    if parser.parse_args().json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
