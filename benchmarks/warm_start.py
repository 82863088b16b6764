"""From the start of a local quote service to its first quote: cold, and from what it kept.

    python benchmarks/warm_start.py [--rounds 5] [--latency 100ms] [--json]

`python -m local_quote` runs against a node of the recorded market that takes `--latency` for each answer, as one far
away does, is killed, and is started again: in turns without and with the file it kept, and with the file while the node
is stopped (SIGSTOP), when a cold start gives nothing at all. Told are the medians of all rounds: to the open port (the
interpreter and its imports), and from then to the first quote of SOL/USDC, which from the file is a stale one, and to
the first fresh one. The reference of a warm start is the cold one of the same round.

Beside it: bytes of the file, and the processor time a second of the process with the file written each second (ten
times as often as delivered) and not at all.

Floor: the first quote within 1 s of the open port, warm; exit 1 if missed.
"""

import sys
from pathlib import Path

sys.path.pop(0)  # this file's folder, where other files are named like packages
sys.path.insert(0, str(Path(__file__).parents[1]))

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import grpc

from benchmarks.process_use import processor_s
from quote_core.generated.solquote.v1 import local_quote_pb2, local_quote_pb2_grpc, quotes_pb2
from quote_core.tokens import load_tokens

HOST: Final = "127.0.0.1"
FLOOR_S: Final = 1.0
DEADLINE_S: Final = 300.0
LOOK_S: Final = 0.002
POLL_S: Final = 0.1
COST_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from the start of the process; `fresh_s` is None where the node is stopped."""

    open_s: float
    first_s: float
    fresh_s: float | None
    is_first_stale: bool


def main() -> int:
    """Measure, print, and say whether the floor was held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", default="100ms")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    starts: dict[str, list[Start]] = {"cold": [], "warm": [], "warm, node stopped": []}
    with tempfile.TemporaryDirectory() as name, recorded_market(Path(name), arguments.latency) as node:
        folder = Path(name)
        for _ in range(arguments.rounds):
            (folder / "local_quote.warm").unlink(missing_ok=True)
            starts["cold"].append(started(folder))
            starts["warm"].append(started(folder))
            node.send_signal(signal.SIGSTOP)
            try:
                starts["warm, node stopped"].append(started(folder, awaits_fresh=False))
            finally:
                node.send_signal(signal.SIGCONT)
        file_bytes = (folder / "local_quote.warm").stat().st_size
        costs_s = {keeps: share_used(folder, keeps=keeps) for keeps in (False, True)}
    return tell(starts, file_bytes, costs_s, as_json=arguments.json)


def tell(starts: dict[str, list[Start]], file_bytes: int, costs_s: dict[bool, float], *, as_json: bool) -> int:
    """Print the figures; 1 when the floor was missed."""
    medians: dict[str, Any] = {}
    for case, rounds in starts.items():
        fresh = [one.fresh_s - one.open_s for one in rounds if one.fresh_s is not None]
        medians[case] = {
            "open_s": median(one.open_s for one in rounds),
            "first_after_open_s": median(one.first_s - one.open_s for one in rounds),
            "worst_first_after_open_s": max(one.first_s - one.open_s for one in rounds),
            "fresh_after_open_s": median(fresh) if fresh else None,
            "first_is_stale": all(one.is_first_stale for one in rounds),
        }
    ratio = medians["cold"]["first_after_open_s"] / medians["warm"]["first_after_open_s"]
    worst_s = max(medians[case]["worst_first_after_open_s"] for case in ("warm", "warm, node stopped"))
    if as_json:
        print(json.dumps({"starts": medians, "ratio": ratio, "file_bytes": file_bytes, "processor_s": costs_s}))
        return 0 if worst_s < FLOOR_S else 1
    for case, told in medians.items():
        fresh_s = told["fresh_after_open_s"]
        print(
            f"{case:>18}: port open after {told['open_s']:.2f} s; from then the first quote"
            f" {'(stale) ' if told['first_is_stale'] else ''}after {told['first_after_open_s'] * 1e3:,.0f} ms (worst"
            f" {told['worst_first_after_open_s'] * 1e3:,.0f})"
            + ("" if fresh_s is None else f", the first fresh one after {fresh_s * 1e3:,.0f} ms")
        )
    print(f"cold / warm, to the first quote: {ratio:.1f}")
    print(
        f"file {file_bytes:,} bytes; processor a second without writing {costs_s[False]:.3f} s, written each"
        f" second {costs_s[True]:.3f} s"
    )
    return 0 if worst_s < FLOOR_S else 1


@contextlib.contextmanager
def recorded_market(folder: Path, latency: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A node; processes that are started from then on find it in their environment."""
    environ = os.environ | {
        "SOLQUOTE_DATA_DIR": str(folder),
        "SOLQUOTE_RECORDED_MARKET_RPC_PORT": "0",
        "SOLQUOTE_RECORDED_MARKET_JUPITER_PORT": "0",
        "SOLQUOTE_RECORDED_MARKET_METRICS_PORT": "0",
        "SOLQUOTE_RECORDED_MARKET_RPC_LATENCY": latency,
    }
    log = folder / "recorded_market.log"
    with (
        log.open("wb") as stderr,
        subprocess.Popen([sys.executable, "-m", "recorded_market"], env=environ, stderr=stderr) as node,
    ):
        try:
            told = until_serving(log)
            os.environ["SOLQUOTE_RPC_URL"] = f"http://{HOST}:{told['rpc']}"
            os.environ["SOLQUOTE_RPC_WS_URL"] = f"ws://{HOST}:{told['websocket']}"
            yield node
        finally:
            node.kill()


def until_serving(log: Path) -> dict[str, Any]:
    """What the node says of its ports."""
    until_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < until_s:
        for line in log.read_text().splitlines():
            if line.startswith("{") and (told := json.loads(line))["event"] == "serving":
                return dict(told)
        time.sleep(LOOK_S)
    raise TimeoutError(str(log))


@contextlib.contextmanager
def local_quote(folder: Path, **settings: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """A service, killed in the end; with its address."""
    port = free_port()
    own = {"grpc_port": str(port), "metrics_port": "0", "warm_start_interval": "1s", **settings}
    environ = os.environ | {
        "SOLQUOTE_DATA_DIR": str(folder),
        **{f"SOLQUOTE_LOCAL_QUOTE_{name.upper()}": value for name, value in own.items()},
    }
    command = [sys.executable, "-m", "local_quote"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL) as process:
        try:
            yield process, f"{HOST}:{port}"
        finally:
            process.kill()


def started(folder: Path, *, awaits_fresh: bool = True) -> Start:
    """Start it, wait for its first quotes, and kill it once it has kept what it holds."""
    registry = load_tokens()
    base, quote = (registry.resolve(symbol, field="") for symbol in ("SOL", "USDC"))
    request = local_quote_pb2.LocalQuoteRequest(
        input_mint=base.mint, output_mint=quote.mint, input_amount=10**base.decimals
    )
    began_s = time.monotonic()
    with local_quote(folder) as (_, address):
        open_s = until_open(address) - began_s
        with grpc.insecure_channel(address) as channel:
            stub = local_quote_pb2_grpc.LocalQuoteServiceStub(channel)
            answer, first_s = asked(stub, request, began_s=began_s, fresh=False)
            is_first_stale, fresh_s = answer.is_stale, None
            if awaits_fresh:
                _, fresh_s = asked(stub, request, began_s=began_s, fresh=True)
                until_kept(stub)
    return Start(open_s, first_s, fresh_s, is_first_stale)


def asked(
    stub: "local_quote_pb2_grpc.LocalQuoteServiceStub",
    request: local_quote_pb2.LocalQuoteRequest,
    *,
    began_s: float,
    fresh: bool,
) -> tuple[local_quote_pb2.LocalQuote, float]:
    """The first answer that is a quote, a fresh one if wanted, and when it came."""
    while True:
        with contextlib.suppress(grpc.RpcError):
            answer = stub.GetQuote(request, wait_for_ready=True)
            if not (fresh and answer.is_stale):
                return answer, time.monotonic() - began_s
        assert time.monotonic() - began_s < DEADLINE_S
        time.sleep(LOOK_S)


def until_open(address: str) -> float:
    """When its port was open."""
    host, port = address.split(":")
    until_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < until_s:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port))):
            return time.monotonic()
        time.sleep(LOOK_S)
    raise TimeoutError(address)


def until_kept(stub: "local_quote_pb2_grpc.LocalQuoteServiceStub") -> None:
    """Until a file is there that was begun when all pools were held and read."""
    begun = until_read(stub)["warm_writes_total"]
    until_s = time.monotonic() + DEADLINE_S
    while figures(stub)["warm_writes_total"] < begun + 2:
        assert time.monotonic() < until_s
        time.sleep(POLL_S)


def until_read(stub: "local_quote_pb2_grpc.LocalQuoteServiceStub") -> dict[str, float]:
    """Until no pool is in doubt."""
    until_s = time.monotonic() + DEADLINE_S
    while (told := figures(stub))["pools_in_doubt"] or not told["pools"]:
        assert time.monotonic() < until_s
        time.sleep(POLL_S)
    return told


def figures(stub: "local_quote_pb2_grpc.LocalQuoteServiceStub") -> dict[str, float]:
    """What it says of itself."""
    return dict(stub.Health(quotes_pb2.HealthRequest()).figures)


def share_used(folder: Path, *, keeps: bool) -> float:
    """Processor time a second of a service that holds everything."""
    with local_quote(folder, warm_start=str(keeps).lower()) as (process, address):
        until_open(address)
        with grpc.insecure_channel(address) as channel:
            until_read(local_quote_pb2_grpc.LocalQuoteServiceStub(channel))
        before_s, began_s = processor_s(process.pid), time.monotonic()
        time.sleep(COST_S)
        return (processor_s(process.pid) - before_s) / (time.monotonic() - began_s)


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as holder:
        holder.bind((HOST, 0))
        port: int = holder.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
