"""How fast a pool update becomes quotes, and what subscribers and single callers cost.

    python benchmarks/local_quote.py [--json]

All on the recorded market's pools in this process, 40 amounts a direction as the platform watches them:

- update: account bytes of one slot of the market's own flow, decoded, priced as ladders both ways, encoded as the one
  message a subscriber gets. Beside it the same rows built as protobuf objects, which is what the bytes save.
- one pool's update: the same for the accounts of one pool at a time, as notified, by the kind of its curve, encoded as
  columns. Only those that change 80 rows count. Below it what measuring the pool's depths takes, afterwards and beside.
- evidence: slots taken in by a market that keeps old versions of accounts and by one that keeps none, in turns:
  the ratio is what explaining costs those who never ask. And finding what a quote rests on from its id.
- registered: 80,000 rows at once, and given back.
- snapshot, refresh: all rows as one message; to one subscriber, and to 100 (encoded once, numbered for each).
- GetQuote over gRPC: latency with 16 calls in flight, beside an echo of the same bytes on the same kind of server.
- update over gRPC: from `apply` to the message parsed by a client of `StreamQuoteBatches`.

Floors are the specification's (section 11): first quotes < 100 ms, a refresh < 5 ms to one subscriber and < 500 ms
to 100, p99 of a quote within 1.5 of the echo; of one pool's update and of registering they are our own. Machines differ
and are noisy: a missed floor is printed, nothing more.
"""

import sys

sys.path.pop(0)  # this file's folder: the file is named like the package it measures

import argparse
import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median, quantiles
from typing import Any, Final

import grpc.aio

from local_quote.app import make_market
from local_quote.evidence import EvidenceFinder, RoutesTold
from local_quote.market import LocalMarket
from local_quote.pool_store import CONSTANT_PRODUCT
from local_quote.route_finder import RouteTerms
from local_quote.servicer import LocalQuoteServicer
from local_quote.settings import LocalQuoteSettings
from local_quote.wire import QuoteEncoder
from local_quote.wire.service import SERVICE_NAME, add_to_server
from quote_core.clock import SYSTEM_CLOCK
from quote_core.dex.labels import ALL_DEXES
from quote_core.dex.pool import Account
from quote_core.dex.programs import PROGRAMS, decode_pool
from quote_core.errors import CorruptAccount, MarketError, SolquoteError
from quote_core.generated.solquote.v1 import local_quote_pb2, local_quote_pb2_grpc, quotes_pb2
from quote_core.health import HealthReport
from quote_core.quote_id import LOCAL, QuoteId, quote_id_of
from quote_core.quotes import Provenance, route_id
from quote_core.serving import Subscription, serve
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.tokens import TokenRegistry, load_tokens
from quote_core.units import Pubkey
from recorded_market.genesis import make_genesis
from recorded_market.ledger import Commitment
from recorded_market.market import Market as RecordedMarket
from recorded_market.recording import load_recording

AMOUNT_COUNT: Final = 40
UPDATE_COUNT: Final = 300
POOL_SLOT_COUNT: Final = 900
REFRESH_COUNT: Final = 40
SUBSCRIBER_COUNT: Final = 100
CALL_COUNT: Final = 4_000
IN_FLIGHT: Final = 16
STREAM_UPDATE_COUNT: Final = 150
EVIDENCE_SLOT_COUNT: Final = 1_000
ROW_COUNT: Final = 80_000


def updates_of(accounts: dict[Pubkey, Account], slot: int) -> list[AccountUpdate]:
    """Accounts as a poll would bring them."""
    now = SYSTEM_CLOCK.mono_ns()
    return [AccountUpdate(pubkey, slot, account, now, UpdateSource.ANSWER, now) for pubkey, account in accounts.items()]


def held_market(source: RecordedMarket, registry: TokenRegistry, **settings: int) -> LocalMarket:
    """The service's market with every pool of the recorded one loaded."""
    market = make_market(LocalQuoteSettings(**({"table_row_count_max": 10_000} | settings)), registry, SYSTEM_CLOCK)
    view = source.ledger.view(Commitment.PROCESSED)
    for update in updates_of(dict(view.accounts), view.slot):
        if update.account is not None and update.account.owner in PROGRAMS:
            try:
                pool = decode_pool(update.pubkey, update.account)
                registry.pair(pool.mint_a, pool.mint_b)
            except (CorruptAccount, SolquoteError):
                continue  # another account of the program, or a pair that is not watched
            market.add_pool(pool, update, Provenance.RECORDED)
    market.slot_seen(view.slot - 1, SYSTEM_CLOCK.mono_ns())  # only a chain that advances vouches
    for _ in range(3):  # needs grow as accounts arrive
        wanted = {pubkey: view.accounts.get(pubkey) for entry in market.store for pubkey in entry.accounts}
        wanted |= {pubkey: view.accounts.get(pubkey) for pubkey in market.basic_accounts()}
        market.apply(updates_of(wanted, view.slot))  # type: ignore[arg-type]  # an absent account is None there, too
    return market


def batch_request(registry: TokenRegistry) -> quotes_pb2.BatchQuoteRequest:
    """All pairs both ways, 40 amounts each, of about the same worth."""
    pairs = []
    for pair in registry.pairs:
        for one, other in pair.directions():
            unit = 10**one.decimals * (100 if one.category == "stable" else 1)
            amounts = [unit * (step + 1) // 4 for step in range(AMOUNT_COUNT)]
            pairs.append(quotes_pb2.TokenPair(input_mint=one.mint, output_mint=other.mint, amounts=amounts))
    return quotes_pb2.BatchQuoteRequest(pairs=pairs, refresh_interval_ms=60_000)


@contextmanager
def subscribed(market: LocalMarket, request: quotes_pb2.BatchQuoteRequest) -> Iterator[Subscription[int, int]]:
    """A subscriber of all rows of the request, while the context lasts."""
    wanted = [
        (*market.registry.pair(pair.input_mint, pair.output_mint), amount)
        for pair in request.pairs
        for amount in pair.amounts
    ]
    rows = market.register(wanted)
    with market.subscriptions.follow((row, number) for number, row in enumerate(rows)) as subscriber:
        yield subscriber
    market.table.release(rows)


def message(encoder: QuoteEncoder, market: LocalMarket, subscriber: Subscription[int, int], rows: Any) -> bytes:
    """What the servicer sends for these rows."""
    told = encoder.told(subscriber.labels, rows, market.chain_clock)
    (data,) = told.batches(count_max=len(told), sequence=1, snapshot=False)
    return data


def as_objects(data: bytes) -> bytes:
    """The same message from protobuf objects, field by field."""
    parsed = local_quote_pb2.LocalQuoteBatch.FromString(data)
    fields = [[(field.name, value) for field, value in quote.ListFields()] for quote in parsed.quotes]
    started = time.perf_counter_ns()
    batch = local_quote_pb2.LocalQuoteBatch(
        quotes=[local_quote_pb2.LocalQuote(**dict(one)) for one in fields], sequence=1
    )
    encoded = batch.SerializeToString()
    OBJECT_NS.append(time.perf_counter_ns() - started)
    return encoded


OBJECT_NS: list[int] = []


def slots(source: RecordedMarket) -> Iterator[list[AccountUpdate]]:
    """The flow's changes, slot by slot."""
    while True:
        block = source.advance()[Commitment.PROCESSED]
        yield updates_of(dict(block.changes), block.slot)


def show(name: str, samples_ns: list[int], *, reference: str = "") -> dict[str, float]:
    """Print one line of the table."""
    p99 = quantiles(samples_ns, n=100)[98] if len(samples_ns) > 1 else samples_ns[0]
    print(f"{name:<44} p50 {median(samples_ns) / 1e6:9.3f} ms   p99 {p99 / 1e6:9.3f} ms   {reference}")
    return {"p50_ms": median(samples_ns) / 1e6, "p99_ms": p99 / 1e6}


def bench_update(
    market: LocalMarket, encoder: QuoteEncoder, subscriber: Subscription[int, int], flow: Iterator[Any]
) -> dict[str, Any]:
    """Bytes of a slot in, one message out."""
    subscriber.take()
    priced_ns, total_ns, row_counts = [], [], []
    for _ in range(UPDATE_COUNT):
        updates = next(flow)
        started = time.perf_counter_ns()
        market.apply(updates)
        rows = subscriber.take()
        priced = time.perf_counter_ns()
        if rows:
            data = message(encoder, market, subscriber, rows)
            total_ns.append(time.perf_counter_ns() - started)
            priced_ns.append(priced - started)
            row_counts.append(len(rows))
            as_objects(data)
    rows_each = f"{median(row_counts):.0f} rows changed"
    encoded_ns = [total - priced for total, priced in zip(total_ns, priced_ns, strict=True)]
    return {
        "update_priced": show("update: decoded and priced", priced_ns, reference=rows_each),
        "update_encoded": show("update: encoded", encoded_ns),
        "update_objects": show("  the same as protobuf objects", OBJECT_NS, reference="reference"),
        "update_total": show("update: bytes in, message out", total_ns, reference="floor 5 ms p99 with all hops"),
    }


def bench_pools(
    market: LocalMarket, encoder: QuoteEncoder, subscriber: Subscription[int, int], flow: Iterator[Any]
) -> dict[str, Any]:
    """Bytes of one pool in, one message of columns out."""
    kinds = "constant product", "concentrated"
    total_ns: dict[str, list[int]] = {kind: [] for kind in kinds}
    depths_ns: dict[str, list[int]] = {kind: [] for kind in kinds}
    for _ in range(POOL_SLOT_COUNT):
        by_pool: dict[Pubkey, list[AccountUpdate]] = {}
        shared: list[AccountUpdate] = []
        for update in next(flow):
            pool_ids = market.store.pool_ids_on(update.pubkey)
            (by_pool.setdefault(pool_ids[0], []) if len(pool_ids) == 1 else shared).append(update)
        market.apply(shared)
        market.measure_depths(len(market.store))
        subscriber.take()
        for pool_id, read in by_pool.items():
            now_mono_ns = SYSTEM_CLOCK.mono_ns()
            notified = [
                AccountUpdate(one.pubkey, one.slot, one.account, now_mono_ns, UpdateSource.NOTIFICATION) for one in read
            ]
            started = time.perf_counter_ns()
            market.apply(notified)
            rows = subscriber.take()
            encoder.told(subscriber.labels, rows, market.chain_clock).columns(
                count_max=4_000, sequence=1, snapshot=False
            )
            took_ns = time.perf_counter_ns() - started
            measuring = time.perf_counter_ns()
            market.measure_depths(1)
            measured_ns = time.perf_counter_ns() - measuring
            entry = market.store.entry(pool_id)
            assert entry is not None
            if len(rows) == 2 * AMOUNT_COUNT:
                kind = "constant product" if entry.pool.dex in CONSTANT_PRODUCT else "concentrated"
                total_ns[kind].append(took_ns)
                depths_ns[kind].append(measured_ns)
    floors = {"constant product": "floor 40 us p50", "concentrated": "floor 80 us p50"}
    results = {}
    for kind in kinds:
        name = kind.split()[0]
        results[f"pool_{name}"] = show(f"one pool's update: {kind}", total_ns[kind], reference=floors[kind])
        results[f"depths_{name}"] = show("  its depths, beside the way", depths_ns[kind])
    return results


def bench_evidence(
    registry: TokenRegistry, source: RecordedMarket, request: Any, flow: Iterator[Any]
) -> dict[str, Any]:
    """What keeping costs who never asks, and what asking costs."""
    bounded = {"evidence_bytes_max": 4 * 1024 * 1024}  # full after some slots, so that making room is in it
    nothing = {"evidence_bytes_max": 0, "evidence_version_count_max": 0}
    markets = {True: held_market(source, registry, **bounded), False: held_market(source, registry, **nothing)}
    took_ns: dict[bool, list[int]] = {True: [], False: []}
    with subscribed(markets[True], request) as one, subscribed(markets[False], request) as other:
        subscribers = {True: one, False: other}
        for number in range(EVIDENCE_SLOT_COUNT):
            updates = next(flow)
            for keeps in (True, False) if number % 2 else (False, True):
                started = time.thread_time_ns()  # what others do on the machine is no part of a difference this small
                markets[keeps].apply(updates)
                took_ns[keeps].append(time.thread_time_ns() - started)
                subscribers[keeps].take()
    ratio = median(took_ns[True]) / median(took_ns[False])
    keeping = markets[True]
    finder = EvidenceFinder(
        store=keeping.store, registry=registry, told=RoutesTold(count_max=1), priced=keeping.table.chains_priced
    )
    asked, found_ns = ids_told(keeping), []
    for quote_id in asked * (CALL_COUNT // 40 // len(asked) + 1):
        started = time.thread_time_ns()
        finder.find(quote_id)
        found_ns.append(time.thread_time_ns() - started)
    history = keeping.store.history
    kept = f"{history.superseded_count} versions, {history.byte_count / 2**20:.1f} MiB kept"
    return {
        "slot_keeping": show("a slot's changes, versions kept", took_ns[True], reference=f"x {ratio:.3f}; floor 1.05"),
        "slot_keeping_none": show("  the same, none kept", took_ns[False], reference="reference"),
        "evidence_ratio": ratio,
        "evidence_found": show("evidence found from an id", found_ns, reference=kept),
    }


def ids_told(market: LocalMarket) -> list[QuoteId]:
    """The ids of quotes of every direction, as of now."""
    told = []
    for pair in market.registry.pairs:
        for one, other in pair.directions():
            with contextlib.suppress(MarketError):
                swap = market.quote(one, other, 10**one.decimals).swap
                route = route_id([swap.entry.pool.address])
                told.append(quote_id_of(LOCAL, route, one.mint, swap.input_amount, swap.output_amount, swap.entry.slot))
    return told


def bench_registering(registry: TokenRegistry, source: RecordedMarket) -> dict[str, Any]:
    """Many rows at once."""
    market = held_market(source, registry, table_row_count_max=ROW_COUNT)
    directions = [tokens for pair in registry.pairs for tokens in pair.directions()]
    amounts = range(1, ROW_COUNT // len(directions) + 1)
    wanted = [(*tokens, 10 ** tokens[0].decimals * step // 100) for tokens in directions for step in amounts]
    started = time.perf_counter_ns()
    rows = market.register(wanted)
    registered = time.perf_counter_ns()
    market.table.release(rows)
    released = time.perf_counter_ns()
    name = f"{len(wanted)} rows"
    return {
        "registered": show("registered and priced", [registered - started], reference=f"{name}; floor 1 s"),
        "released": show("released", [released - registered], reference=name),
    }


def bench_refresh(market: LocalMarket, encoder: QuoteEncoder, request: Any) -> dict[str, Any]:
    """All rows as messages."""
    results = {}
    started = time.perf_counter_ns()
    with subscribed(market, request) as subscriber:
        message(encoder, market, subscriber, subscriber.labels)
        first = [time.perf_counter_ns() - started]
        rows = f"{len(subscriber.labels)} rows"
        results["snapshot"] = show("first complete message", first, reference=f"{rows}; floor 100 ms")
        for name, count, floor in (("one", 1, "5 ms"), ("hundred", SUBSCRIBER_COUNT, "500 ms")):
            samples = []
            for _ in range(REFRESH_COUNT if count == 1 else 5):
                time.sleep(0.01)  # the shared part is renewed only every few milliseconds
                started = time.perf_counter_ns()
                for _ in range(count):
                    message(encoder, market, subscriber, subscriber.labels)
                samples.append(time.perf_counter_ns() - started)
            results[f"refresh_{name}"] = show(f"refresh to {count} subscriber(s)", samples, reference=f"floor {floor}")
    return results


async def latencies(call: Callable[[int], Awaitable[object]]) -> list[int]:
    """Latency of many calls, some in flight at once."""
    samples: list[int] = []
    numbers = iter(range(CALL_COUNT))

    async def worker() -> None:
        for number in numbers:
            started = time.perf_counter_ns()
            await call(number)
            samples.append(time.perf_counter_ns() - started)

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return samples


async def stream_latencies(market: LocalMarket, call: Any, flow: Iterator[Any]) -> list[int]:
    """From each update applied to the client holding the parsed message."""
    arrived = asyncio.Event()

    async def read_all() -> None:
        while True:
            await call.read()
            arrived.set()

    reading = asyncio.create_task(read_all())
    await arrived.wait()
    samples: list[int] = []
    while len(samples) < STREAM_UPDATE_COUNT:
        arrived.clear()
        versions = sum(map(market.table.quotes.version, market.table))
        updates = next(flow)
        started = time.perf_counter_ns()
        market.apply(updates)
        if sum(map(market.table.quotes.version, market.table)) != versions:
            await arrived.wait()
            samples.append(time.perf_counter_ns() - started)
    reading.cancel()
    return samples


def add_echo(server: grpc.aio.Server, data: bytes) -> None:
    """A method that gives back ready bytes."""

    async def answer(request: bytes, context: object) -> bytes:
        return data

    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(answer, None, None)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", {"Echo": handler}),))


async def bench_grpc(market: LocalMarket, encoder: QuoteEncoder, request: Any, flow: Iterator[Any]) -> dict[str, Any]:
    """Single quotes beside an echo, and updates to a stream's client."""
    servicer = LocalQuoteServicer(
        market=market,
        encoder=encoder,
        clock=SYSTEM_CLOCK,
        hurry=lambda one, other: None,
        dropped=lambda: (),
        health=lambda: HealthReport(is_serving=True, version="1", uptime_ms=0, findings=(), figures={}),
        quotes_per_request_max=2_000,
        route_hop_count_max=4,
        routes_max=RouteTerms(ALL_DEXES, 3, 3),
        evidence=EvidenceFinder(
            store=market.store,
            registry=market.registry,
            told=RoutesTold(count_max=10_000),
            priced=market.table.chains_priced,
        ),
    )
    asks = [
        local_quote_pb2.LocalQuoteRequest(
            input_mint=pair.input_mint, output_mint=pair.output_mint, input_amount=pair.amounts[number % AMOUNT_COUNT]
        )
        for pair in list(request.pairs)[:4]
        for number in range(AMOUNT_COUNT)
    ]
    data = servicer.get_quote(asks[0])

    def register(server: grpc.aio.Server) -> None:
        partial(add_to_server, servicer)(server)
        add_echo(server, data)

    async with (
        serve(register, services=(SERVICE_NAME,), host="127.0.0.1", port=0) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = local_quote_pb2_grpc.LocalQuoteServiceStub(channel)
        echo: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/bench.Echo/Echo")
        body = asks[0].SerializeToString()
        await latencies(lambda number: echo(body))
        echoed = await latencies(lambda number: echo(body))
        quoted = await latencies(lambda number: stub.GetQuote(asks[number % len(asks)]))
        results = {
            "echo": show("  echo of the same bytes", echoed, reference=f"reference, {IN_FLIGHT} in flight"),
            "get_quote": show("GetQuote", quoted, reference="floor 1.5 x echo at p99"),
        }
        samples = await stream_latencies(market, stub.StreamQuoteBatches(request), flow)
        results["stream"] = show("update to a stream's client, parsed", samples, reference="one process, both ends")
    return results


def main() -> None:
    """Run all and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, too")
    arguments = parser.parse_args()
    registry = load_tokens()
    source = RecordedMarket(make_genesis(load_recording(), registry, seed=1))
    market = held_market(source, registry)
    encoder = QuoteEncoder(
        table=market.table, oracle=market.oracle, clock=SYSTEM_CLOCK, stale_after_ns=market.stale_after_ns
    )
    request = batch_request(registry)
    quoted_count, total_count = market.directions_quoted()
    print(f"{len(market.store)} pools, {quoted_count} of {total_count} directions quoted")
    results = bench_refresh(market, encoder, request)
    flow = slots(source)
    with subscribed(market, request) as subscriber:
        results |= bench_update(market, encoder, subscriber, flow)
        results |= bench_pools(market, encoder, subscriber, flow)
    results |= bench_evidence(registry, source, request, flow)
    results |= bench_registering(registry, source)
    results |= asyncio.run(bench_grpc(market, encoder, request, flow))
    if arguments.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
