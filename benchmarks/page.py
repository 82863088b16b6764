"""What the web page costs the aggregator, with nobody, one and ten browsers at it.

    python benchmarks/page.py [--json] [--seconds 10]

A whole platform on the recorded market runs beside this process, which plays the browsers: it follows the page's stream
and reads all of it. Each figure is of the aggregator's process, measured over a window in turns, so that old and new
meet the same market:

- processor: its share of one core, from the kernel's count.
- GetQuote p50 and p99: single quotes over gRPC meanwhile.
- to one browser: what its stream carries.

The reference is the same platform with nobody at the page, before and after.
"""

import sys
from pathlib import Path

sys.path.pop(0)  # this file's folder, where other files are named like packages
sys.path.insert(0, str(Path(__file__).parents[1]))

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import Any, Final

import aiohttp
import grpc.aio

from benchmarks.process_use import processor_s
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.generated.solquote.v1 import quote_aggregator_pb2_grpc as pb_grpc
from quote_core.tokens import load_tokens

SOL, USDC = (token.mint for token in list(load_tokens())[:2])
ONE_SOL: Final = 1_000_000_000
BROWSER_COUNTS: Final = (0, 1, 10, 0)
LINGER_S: Final = 12.0
"""After the last browser the page works on for ten seconds."""
QUOTE_EVERY_S: Final = 0.01


@dataclass(frozen=True)
class Window:
    """What was seen of the aggregator."""

    browser_count: int
    processor_share: float
    quote_p50_ms: float
    quote_p99_ms: float
    bytes_per_s: float
    """To one browser."""


async def measured(environment: dict[str, str], pid: int, *, seconds: float) -> list[Window]:
    """All windows."""
    windows = []
    for count in BROWSER_COUNTS:
        windows.append(await window(environment, pid, browser_count=count, seconds=seconds))
        await asyncio.sleep(LINGER_S if count else 0)
    return windows


async def window(environment: dict[str, str], pid: int, *, browser_count: int, seconds: float) -> Window:
    """One of them."""
    url = f"http://127.0.0.1:{environment['SOLQUOTE_AGGREGATOR_HTTP_PORT']}"
    taken = [0] * max(1, browser_count)
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as session:
        browsers = [asyncio.create_task(follow(session, taken, number)) for number in range(browser_count)]
        await asyncio.sleep(3.0)  # all topics have been sent once
        taken_before, processor_before, started = sum(taken), processor_s(pid), time.monotonic()
        latencies = await quoted(environment["SOLQUOTE_AGGREGATOR_ADDRESS"], seconds=seconds)
        passed = time.monotonic() - started
        share = (processor_s(pid) - processor_before) / passed
        rate = (sum(taken) - taken_before) / passed / max(1, browser_count)
        for browser in browsers:
            browser.cancel()
        await asyncio.gather(*browsers, return_exceptions=True)
    cuts = quantiles(latencies, n=100)
    return Window(browser_count, share, cuts[49] * 1e3, cuts[98] * 1e3, rate)


async def follow(session: aiohttp.ClientSession, taken: list[int], number: int) -> None:
    """Be a browser."""
    async with session.get("/page/live") as answer:
        async for part in answer.content.iter_any():
            taken[number] += len(part)


async def quoted(address: str, *, seconds: float) -> list[float]:
    """How long single quotes take, one every so often."""
    request = pb.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=ONE_SOL)
    latencies = []
    async with grpc.aio.insecure_channel(address) as channel:
        stub = pb_grpc.QuoteAggregatorServiceStub(channel)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            started = time.perf_counter()
            await stub.GetQuote(request)
            latencies.append(time.perf_counter() - started)
            await asyncio.sleep(QUOTE_EVERY_S)
    return latencies


@contextlib.contextmanager
def platform() -> Iterator[tuple[dict[str, str], int]]:
    """A platform while the context lasts: what it tells its processes, and the aggregator's pid."""
    with tempfile.TemporaryDirectory(prefix="solquote-page-") as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SOLQUOTE_")}
        command = [sys.executable, "-m", "solquote", "up", "--free-ports", "--json", "--data-dir", folder]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as up:
            assert up.stdout is not None
            pid = 0
            try:
                for line in up.stdout:
                    told: dict[str, Any] = json.loads(line)
                    if told.get("process") == "aggregator" and told.get("pid"):
                        pid = told["pid"]
                    if "processes are healthy" in told.get("message", ""):
                        break
                threading.Thread(target=up.stdout.read, daemon=True).start()
                yield json.loads((Path(folder) / "up.json").read_text())["environment"], pid
            finally:
                up.send_signal(signal.SIGINT)
                up.wait()


def main() -> None:
    """Print all windows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a window")
    options = parser.parse_args()
    with platform() as (environment, pid):
        windows = asyncio.run(measured(environment, pid, seconds=options.seconds))
    if options.json:
        print(json.dumps([asdict(each) for each in windows]))
        return
    print("browsers  processor  GetQuote p50      p99  to one browser")
    for each in windows:
        print(
            f"{each.browser_count:8}  {each.processor_share:8.1%}  {each.quote_p50_ms:9.2f} ms  "
            f"{each.quote_p99_ms:6.1f} ms  {each.bytes_per_s / 1024:8.1f} KiB/s"
        )


if __name__ == "__main__":
    main()
