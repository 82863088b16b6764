"""What a call costs the aggregator's processor now and in the code of another checkout, in turns on one machine.

    git worktree add /tmp/then REVISION      # and build its core there: make build
    python benchmarks/then_and_now.py /tmp/then [--rounds 5]

Without a checkout this one is compared with itself, which shows the noise. One recorded market and one local quote
service, of this checkout, feed both aggregators; each is its own process. Processor time is that of all threads of the
aggregator, which other work on the machine changes least. Both are asked the same, round after round; medians.

- GetQuote, HTTP quote: one held quote, 16 calls in flight.
- first set: all watched rows to a fresh stream, until parsed here.
- a quiet second: rows confirmed, nobody asks.
"""

import sys

sys.path.pop(0)  # this file's folder: the files beside it are named like the packages they measure

import argparse
import asyncio
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import aiohttp
import grpc.aio

from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.generated.solquote.v1 import quote_aggregator_pb2_grpc as pb_grpc
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.tokens import load_tokens
from quote_core.watch import DEFAULT_AMOUNTS

HERE: Final = Path(__file__).resolve().parents[1]
TOKENS: Final = load_tokens()
SOL: Final = TOKENS.resolve("SOL", field="").mint
USDC: Final = TOKENS.resolve("USDC", field="").mint
ONE_SOL: Final = 1_000_000_000
METRICS_PORT: Final = "SOLQUOTE_AGGREGATOR_METRICS_PORT"
CALL_COUNT: Final = 1_500
IN_FLIGHT: Final = 16
QUIET_S: Final = 2.0
DEADLINE_S: Final = 60.0


@dataclass
class Aggregator:
    """One of the two, and what was measured of it, in microseconds of processor time by name."""

    process: int
    stub: Any
    http_url: str
    took_us: dict[str, list[float]] = field(default_factory=dict)

    def processor_us(self) -> float:
        """Time that all its threads have had, see proc(5), schedstat."""
        threads = Path(f"/proc/{self.process}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e3

    async def measure(self, name: str, call: Callable[[], Awaitable[object]], *, count: int) -> None:
        """Call so often, and note what one call cost."""
        spent_us = self.processor_us()
        numbers = iter(range(count))

        async def caller() -> None:
            for _ in numbers:
                await call()

        await asyncio.gather(*(caller() for _ in range(min(count, IN_FLIGHT))))
        self.took_us.setdefault(name, []).append((self.processor_us() - spent_us) / count)


async def compare(then: Path, round_count: int) -> tuple[Aggregator, Aggregator]:
    """Measure both in turns."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory, ExitStack() as stack:
        rpc_port, local_port = _free_port(), _free_port()
        feed = {"RPC_URL": f"http://127.0.0.1:{rpc_port}", "LOCAL_QUOTE_GRPC_PORT": local_port}
        market = {"RECORDED_MARKET_RPC_PORT": rpc_port, "RECORDED_MARKET_JUPITER_PORT": _free_port()}
        stack.enter_context(_process("recorded_market", HERE, market))
        stack.enter_context(_process("local_quote", HERE, feed))
        both = []
        for number, tree in enumerate((then, HERE)):
            grpc_port, http_port = _free_port(), _free_port()
            settings = {
                "SHM_DIR": f"{directory}/{number}",
                "LOCAL_QUOTE_ADDRESS": f"127.0.0.1:{local_port}",
                "EXTERNAL_QUOTE_ADDRESS": f"127.0.0.1:{_free_port()}",
                "AGGREGATOR_GRPC_PORT": grpc_port,
                "AGGREGATOR_HTTP_PORT": http_port,
            }
            process = stack.enter_context(_process("aggregator", tree, settings))
            stub: Any = pb_grpc.QuoteAggregatorServiceStub(grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}"))
            both.append(Aggregator(process, stub, f"http://127.0.0.1:{http_port}"))
        async with aiohttp.ClientSession() as session:
            for aggregator in both:
                await _until_held(aggregator)
            for _ in range(round_count):
                for aggregator in both:
                    await _one_round(aggregator, session)
        return both[0], both[1]


async def _one_round(aggregator: Aggregator, session: aiohttp.ClientSession) -> None:
    request = pb.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=ONE_SOL)
    url = f"{aggregator.http_url}/v1/quote?inputMint={SOL}&outputMint={USDC}&amount={ONE_SOL}"

    async def over_http() -> None:
        async with session.get(url) as response:
            response.raise_for_status()
            await response.read()

    async def quiet() -> None:
        await asyncio.sleep(QUIET_S)

    await aggregator.measure("GetQuote", lambda: aggregator.stub.GetQuote(request), count=CALL_COUNT)
    await aggregator.measure("HTTP quote", over_http, count=CALL_COUNT)
    await aggregator.measure("first set", lambda: _first_set(aggregator.stub), count=1)
    await aggregator.measure("a quiet second", quiet, count=1)
    aggregator.took_us["a quiet second"][-1] /= QUIET_S


async def _first_set(stub: Any) -> None:
    pairs = [
        quotes_pb2.TokenPair(input_mint=tokens[0].mint, output_mint=tokens[1].mint)
        for pair in TOKENS.pairs
        for tokens in pair.directions()
    ]
    stream = stub.StreamBatchQuotes(quotes_pb2.BatchQuoteRequest(pairs=pairs, amounts=DEFAULT_AMOUNTS))
    received_count = 0
    while received_count < len(pairs) * len(DEFAULT_AMOUNTS):
        received_count += len((await stream.read()).quotes)
    stream.cancel()


async def _until_held(aggregator: Aggregator) -> None:
    request = pb.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=ONE_SOL)
    until = time.monotonic() + DEADLINE_S
    while True:
        try:
            await aggregator.stub.GetQuote(request)
        except grpc.aio.AioRpcError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.1)
        else:
            return


@contextmanager
def _process(module: str, tree: Path, settings: Mapping[str, object]) -> Iterator[int]:
    """A service of a checkout as its own process; yields its number."""
    settings = {"LOG_LEVEL": "error"} | dict(settings)
    if METRICS_PORT in (tree / "docs" / "settings.md").read_text():  # a process refuses a setting that it has not
        settings[f"{module.upper()}_METRICS_PORT"] = 0
    environment = os.environ | {f"SOLQUOTE_{name}": str(value) for name, value in settings.items()}
    environment["PYTHONPATH"] = str(tree / "src")
    process = subprocess.Popen([sys.executable, "-m", module], env=environment, cwd="/")
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("then", nargs="?", type=Path, default=HERE, help="another checkout, its core built")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    then, now = asyncio.run(compare(arguments.then.resolve(), arguments.rounds))
    for name, took_us in now.took_us.items():
        before, after = median(then.took_us[name]), median(took_us)
        print(f"{name:16} then {before:10,.0f} us   now {after:10,.0f} us   {after / before:5.2f} times")


if __name__ == "__main__":
    main()
