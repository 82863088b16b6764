"""What the aggregator adds between a quote service's message and its readers.

    python benchmarks/aggregator.py [--json]

The in-memory figures are measured here; for those over the network `python -m aggregator` runs as its own process, as
the platform runs it, and the servers it is compared with in another. The local service is a stand-in of real gRPC
that quotes every row of the watched pairs again each second, as the real one does. Each figure stands beside a
reference of the same run:

- score: one confidence score, beside an empty call.
- admission: what a gRPC call costs more where nobody is asked, where a token is, and where calls are counted as well,
  beside an empty call; real metadata, without a network.
- intake: a message of changed rows read, scored, written to shared memory, beside protobuf's parsing of it alone.
- encode: all rows as bytes for subscribers, beside building and serializing the same as protobuf objects.
- one held row: what GetQuote tells of it, beside the same by way of an object for each thing told.
- refresh: all rows to 1 and to 100 subscribers from bytes encoded once, beside encoding them for each.
- GetQuote of a watched amount over gRPC, beside an echo of its answer by the same kind of server.
- first set: a fresh stream of all watched rows and half as many new ones, until the last of them is parsed.
- HTTP: one quote, and a batch of 100, beside an empty aiohttp answer, asked for by a client that does little itself.
- calls a second, and how long each takes: 16 in flight, one side after the other over and over, who asks on one core
  and who answers on another.
- processor: what a call costs the process that answers, all its threads, and in whose time its other work is; it varies
  less than any latency while others use the machine.

Targets are the specification's (section 11). Machines differ: a missed one is printed, nothing more.
"""

import sys

sys.path.pop(0)  # this file's folder: the file is named like the package it measures

import argparse
import asyncio
import contextlib
import gc
import hashlib
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import grpc.aio
from aiohttp import web

from aggregator import wire
from aggregator.confidence import score
from aggregator.held import Source
from aggregator.intake import Intake
from aggregator.oracle import OraclePrice, OraclePrices
from aggregator.routes import Routes
from aggregator.row_bytes import batch_message
from aggregator.rows import RowRegistry
from aggregator.selection import Judge
from aggregator.shm_publisher import ShmPublisher
from aggregator.table import QuoteTable
from aggregator.watched import WatchedRows
from quote_core.access.access_file import KnownClient
from quote_core.access.budget import Limits
from quote_core.access.gate import Gate, Rules
from quote_core.access.scopes import Scope
from quote_core.clock import SYSTEM_CLOCK, moment
from quote_core.freshness import Freshness
from quote_core.generated.solquote.v1 import external_quote_pb2 as external_pb
from quote_core.generated.solquote.v1 import external_quote_pb2_grpc as external_grpc
from quote_core.generated.solquote.v1 import local_quote_pb2 as local_pb
from quote_core.generated.solquote.v1 import local_quote_pb2_grpc as local_grpc
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.generated.solquote.v1 import quote_aggregator_pb2_grpc as pb_grpc
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.quotes import QuoteKey
from quote_core.serving import Subscriptions
from quote_core.serving.grpc_gate import GrpcGate
from quote_core.tokens import load_tokens
from quote_core.units import Pubkey
from quote_core.watch import DEFAULT_AMOUNTS, watched_row_count
from shm import ENTRY_COUNT, QuoteWriter, Role

TOKENS: Final = load_tokens()
SOL: Final = TOKENS.resolve("SOL", field="").mint
USDC: Final = TOKENS.resolve("USDC", field="").mint
USD: Final = {token.mint: 1.0 if token.category == "stable" else 140.0 for token in TOKENS}
ONE_SOL: Final = 1_000_000_000
CALL_COUNT: Final = 8_000
ROUND_COUNT: Final = 20
IN_FLIGHT: Final = 16
BATCH_COUNT: Final = 100
SUBSCRIBER_COUNT: Final = 100
CHANGED_ROWS: Final = 80  # one pair, both ways, forty amounts
DEADLINE_S: Final = 30.0
ECHO: Final = "/echo/Echo"


@dataclass(frozen=True)
class Figure:
    """One result beside its reference."""

    name: str
    value: float
    unit: str
    reference: float
    reference_name: str
    target: str


def now_message() -> quotes_pb2.Freshness:
    """Vouched for at this moment."""
    now = moment(SYSTEM_CLOCK)
    return quotes_pb2.Freshness(
        boot_id=now.boot_id, vouched_mono_ns=now.mono_ns, vouched_unix_ns=now.unix_ns, vouched_slot=436_453_892
    )


POOL: Final = "5rCf1DM8LjKTw4YqhnoLcngyZYeNnQqztScTogYHAS6"
DECIMALS: Final = {token.mint: token.decimals for token in TOKENS}


def columns(rows: Iterable[tuple[int, QuoteKey]], version: int) -> local_pb.LocalQuoteColumns:
    """What the local service would say, near the oracle price: one group a direction, vouched for at this moment."""
    message = local_pb.LocalQuoteColumns(snapshot=version == 1)
    groups: dict[tuple[str, str], local_pb.LocalQuoteGroup] = {}
    vouched, quoted_unix_ns = now_message(), SYSTEM_CLOCK.unix_ns()
    for row, key in rows:
        direction = key.input_mint, key.output_mint
        group = groups.get(direction)
        if group is None:
            hop = quotes_pb2.RouteHop(
                pool_id=POOL,
                protocol="meteora_dlmm",
                input_mint=key.input_mint,
                output_mint=key.output_mint,
                provenance=quotes_pb2.PROVENANCE_RECORDED,
            )
            common = local_pb.LocalQuote(
                input_mint=key.input_mint,
                output_mint=key.output_mint,
                pool_id=POOL,
                protocol=hop.protocol,
                oracle_price=USD[key.input_mint] / USD[key.output_mint],
                slot=436_453_892,
                route_id=len(groups) + 1,
                depth_amount=10**13,
                provenance=hop.provenance,
                freshness=vouched,
            )
            group = groups[direction] = message.groups.add(common=common, hop=hop)
        rate = USD[key.input_mint] / USD[key.output_mint]
        rate *= 10.0 ** (DECIMALS[key.output_mint] - DECIMALS[key.input_mint])
        group.rows.append(row)
        group.input_amounts.append(key.input_amount)
        group.output_amounts.append(int(key.input_amount * rate) + version)
        group.price_impacts.append(0.0001)
        group.versions.append(version)
        group.quoted_unix_ns.append(quoted_unix_ns)
        group.quote_cache_ages_ms.append(0)
    return message


class StandIn(local_grpc.LocalQuoteServiceServicer):
    """Quotes every row once, then confirms it every second."""

    async def StreamQuoteColumns(  # noqa: N802  # the method's name
        self, request: quotes_pb2.BatchQuoteRequest, context: object
    ) -> AsyncIterator[local_pb.LocalQuoteColumns]:
        """See the service."""
        keys = [
            (row, QuoteKey(Pubkey(pair.input_mint), Pubkey(pair.output_mint), amount))
            for pair in request.pairs
            for row, amount in zip(pair.rows, pair.amounts, strict=True)
        ]
        message = columns(keys, 1)
        while True:
            yield message
            await asyncio.sleep(1.0)
            vouched = now_message()
            for group in message.groups:
                group.common.freshness.CopyFrom(vouched)

    async def GetOraclePrices(  # noqa: N802  # the method's name
        self, request: object, context: object
    ) -> local_pb.OraclePricesResponse:
        """See the service."""
        return local_pb.OraclePricesResponse(
            prices=[local_pb.OraclePrice(mint=mint, usd=usd, freshness=now_message()) for mint, usd in USD.items()]
        )


class SilentStandIn(external_grpc.ExternalQuoteServiceServicer):
    """The external service without a quote: one that is not there is sought four times a second, in every second."""

    async def StreamQuoteBatches(  # noqa: N802  # the method's name
        self, request: object, context: object
    ) -> AsyncIterator[external_pb.ExternalQuoteBatch]:
        """See the service."""
        while True:
            yield external_pb.ExternalQuoteBatch()
            await asyncio.sleep(1.0)


def best_of(call: Callable[[], object], *, round_count: int = 7) -> float:
    """Seconds of the quickest of some rounds."""
    best = float("inf")
    for _ in range(round_count):
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best


def per_call(call: Callable[[], object], *, count: int = 20_000) -> float:
    """Seconds of one call of many."""

    def many() -> None:
        for _ in range(count):
            call()

    return best_of(many) / count


def confidence() -> Figure:
    """One score."""

    def scored() -> object:
        return score(
            age_s=3.0,
            hop_count=1,
            rate=140.2,
            oracle_rate=140.0,
            uptime=1.0,
            slippage_expected=0.001,
            slippage_actual=0.0012,
        )

    return Figure("score", per_call(scored) * 1e6, "us", per_call(lambda: None) * 1e6, "empty call", "< 2")


def admission() -> list[Figure]:
    """The gate of a gRPC call."""
    token = "a token of thirty-two random bytes, so long"
    clients = {hashlib.sha256(token.encode()).digest(): KnownClient("token reader", frozenset(Scope))}
    limits = Limits(rate_per_s=1e6, burst_count=1_000_000, quota_count=10**12)
    context = _Context((("user-agent", "grpc-python-asyncio/1.85.3"), ("authorization", f"Bearer {token}")))
    empty = per_call(lambda: None) * 1e6
    figures = []
    for name, rules, target in (
        ("nobody is asked", Rules(), "< 0.2"),
        ("a token", Rules(clients=clients, asked=frozenset(Scope)), "< 5"),
        ("a token, rate and quota", Rules(clients=clients, asked=frozenset(Scope), limits=limits), "< 15"),
    ):
        gate = GrpcGate(Gate(rules, SYSTEM_CLOCK))
        assert gate.refusal(context) is None
        took = per_call(lambda gate=gate: gate.asks_anything and gate.refusal(context)) * 1e6  # type: ignore[misc]
        figures.append(Figure(f"admission, {name}", took, "us", empty, "empty call", target))
    return figures


@dataclass(frozen=True)
class _Context:
    """As much of a call's as the gate asks."""

    metadata: tuple[tuple[str, str], ...]

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self.metadata

    def peer(self) -> str:
        return "ipv4:127.0.0.1:50000"


def in_memory(shm_dir: Path) -> list[Figure]:
    """Intake, encoding and the messages of a refresh, without a network."""
    with QuoteWriter.open(shm_dir, Role.INTERNAL) as internal, QuoteWriter.open(shm_dir, Role.EXTERNAL) as external:
        oracle = OraclePrices(stale_after_ns=10**12)
        oracle.update({mint: OraclePrice(usd, Freshness(moment(SYSTEM_CLOCK), 1)) for mint, usd in USD.items()})
        judge = Judge(oracle=oracle, stale_after_ns=dict.fromkeys(Source, 10**12))
        table = QuoteTable(
            tokens=TOKENS,
            clock=SYSTEM_CLOCK,
            judge=judge,
            local_file=ShmPublisher(internal, ttl_slots=7),
            external_file=ShmPublisher(external, ttl_slots=7),
        )
        watched_count = watched_row_count(pair_count=len(TOKENS.pairs), amount_count=len(DEFAULT_AMOUNTS))
        rows = RowRegistry(count_max=ENTRY_COUNT, watched_count=watched_count, client_rows_max=720)
        rows.listen(table)
        WatchedRows(rows, TOKENS.pairs, DEFAULT_AMOUNTS).follow(USD)
        intake = Intake(
            table=table,
            subscriptions=Subscriptions(count_max=SUBSCRIBER_COUNT),
            routes=Routes(),
            clock=SYSTEM_CLOCK,
        )

        def renew() -> None:
            asyncio.run(intake.local(columns(rows, 1).SerializeToString()))

        renew()
        return [*_encoding(table, rows, renew), _intake(intake, rows)]


def _intake(intake: Intake, rows: RowRegistry) -> Figure:
    # of one pool, both ways, whose quotes are vouched for together
    some = list(rows)[:CHANGED_ROWS]
    bodies = [columns(some, version).SerializeToString() for version in range(2, 102)]
    taken = asyncio.run(_taken(intake, bodies))
    parsed = best_of(lambda: local_pb.LocalQuoteColumns.FromString(bodies[0]))
    return Figure(f"intake, {CHANGED_ROWS} changed rows", taken * 1e6, "us", parsed * 1e6, "parse alone", "< 80")


async def _taken(intake: Intake, bodies: Sequence[bytes]) -> float:
    """Median seconds of a message."""
    seconds = []
    for body in bodies:
        started = time.perf_counter()
        await intake.local(body)
        seconds.append(time.perf_counter() - started)
    return median(seconds)


def _encoding(table: QuoteTable, rows: RowRegistry, renew: Callable[[], None]) -> list[Figure]:
    indexes = [index for index, _ in rows]
    keys = [key for _, key in rows]
    scored = [table.merged(row) for row in indexes]

    def as_objects() -> bytes:
        message = pb.BatchQuoteResponse()
        for row, key, merged in zip(indexes, keys, scored, strict=True):
            confidence = merged.local_confidence
            assert merged.local is not None
            assert confidence is not None
            factors = confidence.factors
            quote = message.quotes.add(
                input_mint=key.input_mint,
                output_mint=key.output_mint,
                input_amount=key.input_amount,
                row=row,
                best_source=pb.QUOTE_SOURCE_LOCAL,
                decision=pb.DECISION_EXECUTE,
                output_amount=merged.local.output_amount,
                oracle_price=merged.oracle_rate,
                version=1,
                local_confidence=confidence.score,
                local_factors=pb.ConfidenceFactors(
                    pool_age=factors.pool_age,
                    route=factors.route,
                    oracle=factors.oracle,
                    provider=factors.provider,
                    slippage=factors.slippage,
                ),
            )
            quote.local.MergeFromString(merged.local.message)
        encoded_message: bytes = message.SerializeToString()
        return encoded_message

    encodings = []
    for _ in range(7):
        renew()  # whatever is confirmed is encoded anew
        encodings.append(_timed(lambda: table.bodies(indexes)))
    told = list(zip(table.bodies(indexes), map(wire.row_suffix, indexes), strict=True))

    def message() -> bytes:
        return batch_message(told, sequence=1, snapshot=True)

    count = len(indexes)
    encoding = min(encodings) * 1e3
    one = per_call(lambda: table.fresh_body(0)) * 1e6
    plain = per_call(lambda: wire.encode_row(b"", table.merged(0), 0), count=2_000) * 1e6
    return [
        Figure("one held row", one, "us", plain, "by objects", ""),
        Figure(f"encode {count} rows", encoding, "ms", best_of(as_objects) * 1e3, "as objects", "< 20"),
        Figure("refresh, 1 subscriber", best_of(message) * 1e3, "ms", encoding, "encode", "< 5"),
        Figure(
            f"refresh, {SUBSCRIBER_COUNT} subscribers",
            best_of(lambda: [message() for _ in range(SUBSCRIBER_COUNT)], round_count=3) * 1e3,
            "ms",
            encoding * SUBSCRIBER_COUNT,
            "encode for each",
            "< 500",
        ),
    ]


async def over_the_network(shm_dir: Path) -> list[Figure]:
    """The running aggregator, by gRPC and HTTP."""
    async with (
        _running(shm_dir) as (aggregator, grpc_address, http_url),
        _references() as (references, echo_address, empty_url),
        grpc.aio.insecure_channel(grpc_address) as channel,
        grpc.aio.insecure_channel(echo_address) as echo_channel,
        aiohttp.ClientSession() as session,
    ):
        stub = pb_grpc.QuoteAggregatorServiceStub(channel)
        request = pb.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=ONE_SOL)
        answer = (await _until_held(stub, request)).SerializeToString()
        echo: grpc.aio.UnaryUnaryMultiCallable[bytes, pb.AggregatedQuote]
        echo = echo_channel.unary_unary(ECHO, response_deserializer=pb.AggregatedQuote.FromString)
        quoted, echoed = await _in_turns(
            (aggregator, partial(_calls, lambda: stub.GetQuote(request))),
            (references, partial(_calls, lambda: echo(answer))),
        )
        first_set_s = await _first_set(stub)
        asked = f"{http_url}/v1/quote?inputMint={SOL}&outputMint={USDC}&amount={ONE_SOL}"
        async with _http_callers(asked) as quotes, _http_callers(empty_url) as nothings:
            single, empty = await _in_turns((aggregator, quotes), (references, nothings))
        one = {"inputMint": SOL, "outputMint": USDC, "amount": ONE_SOL}
        body = json.dumps({"quotes": [one] * BATCH_COUNT}).encode()
        post = partial(_post, session, f"{http_url}/v1/quote/batch", body)
        (batch,) = await _in_turns((aggregator, partial(_calls, post, in_flight=1)), count=200)
        return [
            Figure("GetQuote p50", quoted.p50_ms, "ms", echoed.p50_ms, "echo", "< 1.5 echo"),
            Figure("GetQuote p99", quoted.p99_ms, "ms", echoed.p99_ms, "echo", "< 1.5 echo"),
            Figure("GetQuote", quoted.per_s, "/s", echoed.per_s, "echo", "> 0.95 echo"),
            Figure("GetQuote, processor", quoted.processor_ms, "ms", echoed.processor_ms, "echo", ""),
            Figure("first set, 1800 rows", first_set_s * 1e3, "ms", quoted.p50_ms, "GetQuote p50", "< 20"),
            Figure("HTTP quote p99", single.p99_ms, "ms", empty.p99_ms, "empty answer", "< 5"),
            Figure("HTTP quote", single.per_s, "/s", empty.per_s, "empty answer", "> 0.5 empty"),
            Figure("HTTP quote, processor", single.processor_ms, "ms", empty.processor_ms, "empty answer", ""),
            Figure(f"HTTP batch of {BATCH_COUNT} p50", batch.p50_ms, "ms", single.p50_ms, "one quote", "< 10"),
            Figure(
                f"HTTP batch of {BATCH_COUNT}, processor",
                batch.processor_ms,
                "ms",
                single.processor_ms,
                "one quote",
                "",
            ),
        ]


@contextlib.asynccontextmanager
async def _running(shm_dir: Path) -> AsyncIterator[tuple[int, str, str]]:
    """The aggregator as its own process, fed by the stand-in in this one; yields its number and where its APIs are."""
    grpc_port, http_port = _free_port(), _free_port()
    server = grpc.aio.server()
    local_grpc.add_LocalQuoteServiceServicer_to_server(StandIn(), server)
    external_grpc.add_ExternalQuoteServiceServicer_to_server(SilentStandIn(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    settings = {
        "SHM_DIR": shm_dir,
        "LOCAL_QUOTE_ADDRESS": f"127.0.0.1:{port}",
        "EXTERNAL_QUOTE_ADDRESS": f"127.0.0.1:{port}",
        "AGGREGATOR_GRPC_PORT": grpc_port,
        "AGGREGATOR_HTTP_PORT": http_port,
        "AGGREGATOR_METRICS_PORT": _free_port(),
        "LOG_LEVEL": "error",
    }
    environment = {f"SOLQUOTE_{name}": str(value) for name, value in settings.items()}
    async with _child("-m", "aggregator", environment=environment) as process:
        yield process.pid, f"127.0.0.1:{grpc_port}", f"http://127.0.0.1:{http_port}"
    await server.stop(None)


@contextlib.asynccontextmanager
async def _references() -> AsyncIterator[tuple[int, str, str]]:
    """What is compared with, in a process of its own; yields its number, where the echo is, where the empty answer."""
    grpc_port, http_port = _free_port(), _free_port()
    async with _child(__file__, "--references", str(grpc_port), str(http_port)) as process:
        assert process.stdout is not None
        await process.stdout.readline()
        yield process.pid, f"127.0.0.1:{grpc_port}", f"http://127.0.0.1:{http_port}/"


@contextlib.asynccontextmanager
async def _child(
    *arguments: str, environment: dict[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=os.environ | (environment or {}), stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.terminate()
        await process.wait()


async def serve_references(grpc_port: int, http_port: int) -> None:
    """Echo over gRPC and answer nothing over HTTP, until ended."""

    async def echoed(request: bytes, context: object) -> bytes:
        return request

    async def nothing(request: web.Request) -> web.Response:
        return web.Response()

    server = grpc.aio.server()
    _, service, method = ECHO.split("/")
    handler = grpc.method_handlers_generic_handler(service, {method: grpc.unary_unary_rpc_method_handler(echoed)})
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"127.0.0.1:{grpc_port}")
    await server.start()
    application = web.Application()
    application.router.add_get("/", nothing)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", http_port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


async def _until_held(stub: Any, request: pb.AggregatedQuoteRequest) -> pb.AggregatedQuote:
    until = time.monotonic() + DEADLINE_S
    while True:
        try:
            answer: pb.AggregatedQuote = await stub.GetQuote(request)
        except grpc.aio.AioRpcError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)
        else:
            return answer


def first_set_request() -> quotes_pb2.BatchQuoteRequest:
    """All watched rows, and the reverse direction over the forward amounts, which nobody has asked for yet."""
    rows = RowRegistry(
        count_max=ENTRY_COUNT,
        watched_count=watched_row_count(pair_count=len(TOKENS.pairs), amount_count=len(DEFAULT_AMOUNTS)),
        client_rows_max=0,
    )
    WatchedRows(rows, TOKENS.pairs, DEFAULT_AMOUNTS).follow(USD)
    amounts: dict[tuple[str, str], list[int]] = {}
    for _, key in rows:
        amounts.setdefault((key.input_mint, key.output_mint), []).append(key.input_amount)
    for pair in TOKENS.pairs:
        amounts[pair.quote.mint, pair.base.mint] += DEFAULT_AMOUNTS
    return quotes_pb2.BatchQuoteRequest(
        pairs=[
            quotes_pb2.TokenPair(input_mint=input_mint, output_mint=output_mint, amounts=own)
            for (input_mint, output_mint), own in amounts.items()
        ]
    )


async def _first_set(stub: Any) -> float:
    request = first_set_request()
    row_count = sum(len(pair.amounts) for pair in request.pairs)
    started = time.perf_counter()
    stream = stub.StreamBatchQuotes(request)
    received_count = 0
    while received_count < row_count:
        received_count += len((await stream.read()).quotes)
    elapsed_s = time.perf_counter() - started
    stream.cancel()
    return elapsed_s


@dataclass(frozen=True)
class Measured:
    """Many calls: half and all but a hundredth within these times, how many a second, what each cost who answered."""

    p50_ms: float
    p99_ms: float
    per_s: float
    processor_ms: float


Load = Callable[[int], Awaitable[list[float]]]
"""Makes as many calls; seconds that each took."""


async def _in_turns(*sides: tuple[int, Load], count: int = CALL_COUNT) -> list[Measured]:
    """Load each side for a short while, one after the other and back: what else the machine does falls on all.

    Each is the process that answers and what calls it. It pays for caches that another process has filled meanwhile,
    and by turns each comes after another and after itself.
    """
    taken: list[list[float]] = [[] for _ in sides]
    rates: list[list[float]] = [[] for _ in sides]
    spent_s = [0.0] * len(sides)
    with _apart([process for process, _ in sides]):
        for round_number in range(-1, ROUND_COUNT):  # the first one warms up
            for side in range(len(sides)) if round_number % 2 else reversed(range(len(sides))):
                process, load = sides[side]
                before_s, started = _processor_s(process), time.perf_counter()
                seconds = await load(count // ROUND_COUNT)
                elapsed_s = time.perf_counter() - started
                if round_number < 0:
                    continue
                spent_s[side] += _processor_s(process) - before_s
                rates[side].append(len(seconds) / elapsed_s)
                taken[side] += seconds
    return [
        Measured(
            median(taken[side]) * 1e3,
            quantiles(taken[side], n=100)[98] * 1e3,
            median(rates[side]),
            spent_s[side] / len(taken[side]) * 1e3,
        )
        for side in range(len(sides))
    ]


@contextlib.contextmanager
def _apart(answering: Sequence[int]) -> Iterator[None]:
    """Keep who asks on one core and all who answer on another.

    Left to the system the threads of both settle on the two cores as it happens, for as long as they run: by that one
    run of the same code differs from the next by a third.
    """
    cores = sorted(os.sched_getaffinity(0))
    places = {os.getpid(): cores[:1], **dict.fromkeys(answering, cores[-1:])}
    for process, place in places.items():
        _keep_on(process, place)
    yield
    for process in places:
        _keep_on(process, cores)


def _keep_on(process: int, cores: Iterable[int]) -> None:
    for task in Path(f"/proc/{process}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores)


async def _calls(call: Callable[[], Awaitable[object]], count: int, *, in_flight: int = IN_FLIGHT) -> list[float]:
    taken: list[float] = []

    async def caller() -> None:
        for _ in range(count // in_flight):
            started = time.perf_counter()
            await call()
            taken.append(time.perf_counter() - started)

    await asyncio.gather(*(caller() for _ in range(in_flight)))
    return taken


class _HttpCaller(asyncio.Protocol):
    """One connection that asks the same again as soon as it is answered.

    aiohttp's own client takes two to three times as long as its server: with it nothing is learned of who answers.
    """

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._transport: asyncio.Transport | None = None
        self._answer = b""
        self._left_count = 0
        self._taken: list[float] = []
        self._started = 0.0
        self._done: asyncio.Future[list[float]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        if not blank or len(body) < int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]):
            return
        assert head.startswith(b"HTTP/1.1 200 "), head
        self._taken.append(time.perf_counter() - self._started)
        self._left_count -= 1
        if self._left_count:
            self._ask()
        else:
            assert self._done is not None
            self._done.set_result(self._taken)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(exc or ConnectionError("closed before it answered"))

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    async def calls(self, count: int) -> list[float]:
        self._left_count, self._taken = count, []
        self._done = asyncio.get_running_loop().create_future()
        self._ask()
        return await self._done

    def _ask(self) -> None:
        assert self._transport is not None
        self._answer = b""
        self._started = time.perf_counter()
        self._transport.write(self._request)


@contextlib.asynccontextmanager
async def _http_callers(url: str) -> AsyncIterator[Load]:
    """As many connections as calls are in flight."""
    asked = urlsplit(url)
    target = f"{asked.path}?{asked.query}" if asked.query else asked.path
    request = f"GET {target} HTTP/1.1\r\nHost: {asked.netloc}\r\nAccept: */*\r\n\r\n".encode()
    assert asked.hostname is not None, "a whole address"
    assert asked.port is not None
    loop = asyncio.get_running_loop()
    callers = [
        (await loop.create_connection(lambda: _HttpCaller(request), asked.hostname, asked.port))[1]
        for _ in range(IN_FLIGHT)
    ]

    async def load(count: int) -> list[float]:
        each = await asyncio.gather(*(caller.calls(count // IN_FLIGHT) for caller in callers))
        return [seconds for taken in each for seconds in taken]

    yield load
    for caller in callers:
        caller.close()


def _processor_s(process: int) -> float:
    """Time all threads of a process have had; each tells nanoseconds first, see Linux's sched-stats."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


async def _post(session: aiohttp.ClientSession, url: str, body: bytes) -> None:
    async with session.post(url, data=body) as response:
        await response.read()


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--references", type=int, nargs=2, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    gc.freeze()  # as every process of the platform does: a full collection of what is imported takes 30 ms
    if arguments.references:
        asyncio.run(serve_references(*arguments.references))
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as first, tempfile.TemporaryDirectory(dir="/dev/shm") as second:
        figures = [confidence(), *admission(), *in_memory(Path(first)), *asyncio.run(over_the_network(Path(second)))]
    if arguments.json:
        print(json.dumps([vars(figure) for figure in figures], indent=2))
        return
    for figure in figures:
        ratio = figure.value / figure.reference if figure.reference else float("inf")
        print(
            f"{figure.name:28} {figure.value:9.3f} {figure.unit:3} {figure.target:>11}   "
            f"{ratio:6.2f} x {figure.reference_name} ({figure.reference:.3f})"
        )


if __name__ == "__main__":
    main()
