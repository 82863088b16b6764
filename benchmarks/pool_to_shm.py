"""From a pool's swap on the chain to shared memory, over real processes, beside an echo of the same bytes.

    python benchmarks/pool_to_shm.py [--slots 200] [--json]

A node of the recorded market runs here, without its flow: each slot holds one swap of one pool, alternately of the only
constant-product pool of a pair and of the only concentrated one of another, so that it is known what must change.
`python -m local_quote`, `python -m aggregator` and a reader of shared memory are processes of their own, as on the
platform. A sample is from just before the node writes its notifications until the reader, woken, has polled the change.

The echo beside it is the least such a way can cost from Python: the same bytes of the notification over a WebSocket to
one process, the bytes of the quotes' message over a gRPC stream to a second, a byte down a pipe to a third that waits.

Target: p50 0.5 ms, p99 1 ms, and 1.5 times the echo of the same run.
"""

import sys

sys.path.pop(0)  # this file's folder: the files beside it are named like the packages they measure

import argparse
import asyncio
import contextlib
import gc
import json
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import aiohttp
import grpc.aio
from aiohttp import web

from quote_core.dex.pool import Account, Dex, Direction, Pool
from quote_core.generated.solquote.v1 import local_quote_pb2_grpc, quotes_pb2
from quote_core.tokens import Pair, TokenRegistry, load_tokens
from quote_core.units import Pubkey
from quote_core.watch import DEFAULT_AMOUNTS
from recorded_market.chain_time import CLOCK_SYSVAR
from recorded_market.faults import FaultPlan
from recorded_market.genesis import Genesis, make_genesis
from recorded_market.ledger import AccountLedger, Block, Commitment
from recorded_market.node import Node
from recorded_market.pool_book import PoolBook
from recorded_market.recording import load_recording
from recorded_market.rpc_methods import RpcMethods
from recorded_market.subscriptions import SubscriptionHub
from shm import ChangeKind, QuoteReader
from shm.base58 import mint_bytes

HOST: Final = "127.0.0.1"
SLOT_S: Final = 0.4
SETTLE_SLOTS: Final = 20
DEADLINE_S: Final = 60.0
ECHO: Final = "/echo/Follow"
CASES: Final = {"constant product": ("bonkSOL", Dex.RAYDIUM_CPMM), "concentrated": ("USDC", Dex.ORCA_WHIRLPOOL)}
"""SOL's other token, and the DEX of the one pool the pair is left with."""


@dataclass
class Case:
    """One pool, the pair only it quotes, and what was measured of it."""

    pool: Pool
    pair: Pair
    amount_in: int
    change_bytes: int = 0
    message_bytes: int = 0
    took_ns: list[int] = field(default_factory=list)
    echoed_ns: list[int] = field(default_factory=list)


class OneSwapMarket:
    """The recorded market, left with one pool a case; `advance` plays a slot with one swap."""

    def __init__(self, tokens: TokenRegistry) -> None:
        genesis = make_genesis(load_recording(), tokens, seed=1)
        cases = {name: _case(genesis, tokens, *wanted) for name, wanted in CASES.items()}
        rivals = {
            pool.address
            for pool in PoolBook(genesis.accounts).pools
            for case in cases.values()
            if {pool.mint_a, pool.mint_b} == {case.pool.mint_a, case.pool.mint_b} and pool.address != case.pool.address
        }
        accounts = {pubkey: account for pubkey, account in genesis.accounts.items() if pubkey not in rivals}
        self.genesis = genesis
        self.ledger = AccountLedger(Block(genesis.slot, accounts))
        self.slot = genesis.slot
        self._book = PoolBook(accounts)
        by_address = {pool.address: pool for pool in self._book.pools}
        self.cases = {name: replace(case, pool=by_address[case.pool.address]) for name, case in cases.items()}
        self._ways = dict.fromkeys(cases, Direction.A_TO_B)

    def advance(self, name: str | None) -> Mapping[Commitment, Block]:
        """The next slot; with a case's name, its pool fills a swap, forward and back in turns."""
        self.slot += 1
        clock = self.genesis.chain_time.clock(self.slot)
        if name is not None:
            case, way = self.cases[name], self._ways[name]
            filled = self._book.swap(case.pool, way, case.amount_in, clock)
            assert filled is not None, "the pool refuses the swap"
            case.amount_in = filled.amount_out
            self._ways[name] = Direction.B_TO_A if way is Direction.A_TO_B else Direction.A_TO_B
        changes = self._book.take_changes()
        sysvar = self.ledger.view(Commitment.PROCESSED).accounts[CLOCK_SYSVAR]
        changes[CLOCK_SYSVAR] = replace(sysvar, data=self.genesis.chain_time.sysvar(self.slot))
        return self.ledger.advance(changes)


def _case(genesis: Genesis, tokens: TokenRegistry, symbol: str, dex: Dex) -> Case:
    other = tokens.resolve(symbol, field="")
    pair = next(pair for pair in tokens.pairs if other in (pair.base, pair.quote))
    mints = {pair.base.mint, pair.quote.mint}
    pool = next(
        pool for pool in PoolBook(genesis.accounts).pools if pool.dex is dex and {pool.mint_a, pool.mint_b} == mints
    )
    first = tokens.by_mint(pool.mint_a, field="")
    return Case(pool, pair, amount_in=10**first.decimals * 5)


async def measure(slot_count: int) -> dict[str, Case]:
    """Play the slots and time them."""
    tokens = load_tokens()
    market = OneSwapMarket(tokens)
    hub = SubscriptionHub(version="bench")
    methods = RpcMethods(market.ledger, market.genesis.provenance, version="bench", genesis_hash="1" * 32)
    node = Node(methods.call, hub, FaultPlan(latency_ns=0, failure_fraction=0.0, seed=1))
    await node.start(HOST, 0)
    try:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as shm_dir:
            async with _platform(node, Path(shm_dir)) as (local_port, reader):
                await _measure_platform(market, hub, local_port, reader, slot_count)
        await _measure_echo(market.cases, slot_count // len(CASES))
    finally:
        await node.stop()
    return market.cases


async def _measure_platform(
    market: OneSwapMarket, hub: SubscriptionHub, local_port: int, reader: "Child", slot_count: int
) -> None:
    names = list(CASES)
    ready = asyncio.create_task(reader.line())  # it says when it has seen every row of the cases
    due_s = time.monotonic()
    for number in range(10_000):
        if ready.done() and number % len(names) == 0:
            break
        hub.publish(market.advance(None))
        due_s += SLOT_S
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
    await ready
    for name, case in market.cases.items():
        case.message_bytes = await _message_bytes(local_port, case)
        case.change_bytes = _change_bytes(market, name)
    for number in range(SETTLE_SLOTS + slot_count):
        name = names[number % len(names)]
        reader.ask(market.cases[name])  # it waits by the time the slot is due
        due_s = max(due_s + SLOT_S, time.monotonic())
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        blocks = market.advance(name)
        began_ns = time.monotonic_ns()
        hub.publish(blocks)
        seen_ns = int(await reader.line())
        if number >= SETTLE_SLOTS:
            market.cases[name].took_ns.append(seen_ns - began_ns)


async def _message_bytes(port: int, case: Case) -> int:
    """Size of what the local service sends for all rows of the pair."""
    pairs = [
        quotes_pb2.TokenPair(input_mint=one.mint, output_mint=other.mint, amounts=DEFAULT_AMOUNTS)
        for one, other in case.pair.directions()
    ]
    async with grpc.aio.insecure_channel(f"{HOST}:{port}") as channel:
        stub: Any = local_quote_pb2_grpc.LocalQuoteServiceStub(channel)
        message = await stub.StreamQuoteColumns(quotes_pb2.BatchQuoteRequest(pairs=pairs)).read()
        size: int = message.ByteSize()
        return size


def _change_bytes(market: OneSwapMarket, name: str) -> int:
    accounts: Mapping[Pubkey, Account] = market.advance(name)[Commitment.PROCESSED].changes
    return sum(len(account.data) * 4 // 3 + 200 for account in accounts.values())  # base64 and what JSON adds


async def _measure_echo(cases: Mapping[str, Case], count: int) -> None:
    for case in cases.values():
        changed, message = b"x" * case.change_bytes, case.message_bytes
        sockets: list[web.WebSocketResponse] = []

        async def upgraded(
            request: web.Request, sockets: list[web.WebSocketResponse] = sockets
        ) -> web.WebSocketResponse:
            socket_ = web.WebSocketResponse()
            await socket_.prepare(request)
            sockets.append(socket_)
            await socket_.receive()
            return socket_

        application = web.Application()
        application.router.add_get("/", upgraded)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        port, stream_port = _free_port(), _free_port()
        await web.TCPSite(runner, HOST, port).start()
        read_end, write_end = os.pipe()
        async with (
            _child("--echo-node", str(port), str(stream_port), str(message)),
            _child("--echo-stream", str(stream_port), str(write_end), pass_fds=(write_end,)),
            _child("--echo-reader", str(read_end), pass_fds=(read_end,)) as reader,
        ):
            os.close(read_end)
            os.close(write_end)
            await reader.line()  # the first message has come the whole way
            for _ in range(count):
                await asyncio.sleep(0.05)
                began_ns = time.monotonic_ns()
                await sockets[0].send_bytes(changed)
                case.echoed_ns.append(int(await reader.line()) - began_ns)
        await runner.cleanup()


class Child:
    """A process of this script, that says a line for every thing it saw."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def ask(self, case: Case) -> None:
        """Tell the reader of shared memory whose change comes next."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{case.pair.base.mint} {case.pair.quote.mint}\n".encode())

    async def line(self) -> str:
        """The next line."""
        assert self._process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("a process of the benchmark has ended")
        return line.decode().strip()


@contextlib.asynccontextmanager
async def _platform(node: Node, shm_dir: Path) -> AsyncIterator[tuple[int, Child]]:
    """Both services and a reader; yields the local service's port and the reader."""
    local_port = _free_port()
    settings = {
        "RPC_URL": f"http://{HOST}:{node.rpc_port}",
        "SHM_DIR": shm_dir,
        "LOCAL_QUOTE_ADDRESS": f"{HOST}:{local_port}",
        "LOCAL_QUOTE_GRPC_PORT": local_port,
        "EXTERNAL_QUOTE_ADDRESS": f"{HOST}:{_free_port()}",
        "AGGREGATOR_GRPC_PORT": _free_port(),
        "AGGREGATOR_HTTP_PORT": _free_port(),
        "LOG_LEVEL": "error",
    }
    environment = {f"SOLQUOTE_{name}": str(value) for name, value in settings.items()}
    async with (
        _child("-m", "local_quote", environment=environment),
        _child("-m", "aggregator", environment=environment),
        _child("--reader", str(shm_dir)) as reader,
    ):
        yield local_port, reader


@contextlib.asynccontextmanager
async def _child(
    *arguments: str, environment: Mapping[str, str] | None = None, pass_fds: tuple[int, ...] = ()
) -> AsyncIterator[Child]:
    script = () if arguments[0] == "-m" else (__file__,)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *script,
        *arguments,
        env=os.environ | dict(environment or {}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        pass_fds=pass_fds,
    )
    try:
        yield Child(process)
    finally:
        process.terminate()
        await process.wait()


def read_shm(directory: str) -> None:
    """Say when all rows of the cases are there; then, for each pair asked for, when its change was polled."""
    tokens = load_tokens()
    sol = tokens.resolve("SOL", field="").mint
    row_count = 2 * len(DEFAULT_AMOUNTS)
    wanted = {frozenset(map(mint_bytes, (sol, tokens.resolve(symbol, field="").mint))) for symbol, _ in CASES.values()}
    with QuoteReader.open(directory) as quotes:
        while any(len(_rows(quotes, pair)) < row_count for pair in wanted):
            quotes.wait(timeout_s=0.2)
            quotes.poll()
        print("ready", flush=True)
        for line in sys.stdin:
            print(_changed_at_ns(quotes, _rows(quotes, frozenset(map(mint_bytes, line.split())))), flush=True)


def _rows(quotes: QuoteReader, pair: frozenset[bytes]) -> set[int]:
    return {quote.index for quote in quotes if {quote.input_mint, quote.output_mint} == pair}


def _changed_at_ns(quotes: QuoteReader, rows: set[int]) -> int:
    while True:
        quotes.wait(timeout_s=1.0)
        changes = quotes.poll_changes()
        at_ns = time.monotonic_ns()
        if any(change.index in rows and ChangeKind.AMOUNTS in change.kinds for change in changes):
            return at_ns


async def echo_node(port: int, stream_port: int, message_bytes: int) -> None:
    """Read the WebSocket, and send a message on the stream for each of its messages."""
    waiting: asyncio.Queue[bytes] = asyncio.Queue()

    async def follow(request: bytes, context: object) -> AsyncIterator[bytes]:
        yield b"first"
        while True:
            await waiting.get()
            yield b"x" * message_bytes

    server = grpc.aio.server()
    _, service, method = ECHO.split("/")
    handler = grpc.method_handlers_generic_handler(service, {method: grpc.unary_stream_rpc_method_handler(follow)})
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"{HOST}:{stream_port}")
    await server.start()
    async with aiohttp.ClientSession() as session, session.ws_connect(f"http://{HOST}:{port}/") as socket_:
        async for message in socket_:
            waiting.put_nowait(message.data)


async def echo_stream(stream_port: int, pipe: int) -> None:
    """Read the stream, and write a byte for each of its messages."""
    async with grpc.aio.insecure_channel(f"{HOST}:{stream_port}") as channel:
        async for _ in channel.unary_stream(ECHO)(b"", wait_for_ready=True):  # type: ignore[arg-type]  # no serializer
            os.write(pipe, b"x")


def echo_reader(pipe: int) -> None:
    """Say when a byte came."""
    while os.read(pipe, 1):
        print(time.monotonic_ns(), flush=True)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def figures(case: Case) -> dict[str, float]:
    """Milliseconds, and the ratio of the medians."""
    percentiles = {name: quantiles(taken, n=100) for name, taken in (("", case.took_ns), ("echo_", case.echoed_ns))}
    told = {
        f"{name}{label}_ms": cuts[at] / 1e6
        for name, cuts in percentiles.items()
        for label, at in (("p50", 49), ("p99", 98))
    }
    return told | {"times_echo": median(case.took_ns) / median(case.echoed_ns), "message_bytes": case.message_bytes}


CHILDREN: Final[dict[str, Callable[..., Any]]] = {
    "--reader": read_shm,
    "--echo-node": lambda port, stream, size: asyncio.run(echo_node(int(port), int(stream), int(size))),
    "--echo-stream": lambda port, pipe: asyncio.run(echo_stream(int(port), int(pipe))),
    "--echo-reader": lambda pipe: echo_reader(int(pipe)),
}


def main() -> None:
    """Measure and print."""
    gc.freeze()
    if sys.argv[1:] and sys.argv[1] in CHILDREN:
        CHILDREN[sys.argv[1]](*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=200, help="swaps, half of each kind")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = {name: figures(case) for name, case in asyncio.run(measure(arguments.slots)).items()}
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    for name, told in results.items():
        print(
            f"{name:18} p50 {told['p50_ms']:6.2f} ms  p99 {told['p99_ms']:6.2f} ms   "
            f"{told['times_echo']:5.2f} x echo (p50 {told['echo_p50_ms']:.2f}, p99 {told['echo_p99_ms']:.2f} ms); "
            f"message {told['message_bytes']:.0f} bytes; targets 0.5, 1 ms, 1.5 x echo"
        )


if __name__ == "__main__":
    main()
