"""What the local quote service does while its node is away, and how it starts and ends as a process."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from fakes.ports import free_port
from fakes.recorded_market_process import recorded_market_process
from fakes.running_local_quote import RunningLocalQuote, local_quote
from fakes.solana_node import SolanaNode
from fakes.stopwatch import Stopwatch
from fakes.waiting import DEADLINE_S, eventually

from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

REGISTRY = load_tokens()
SOL, USDC = (REGISTRY.resolve(symbol, field="").mint for symbol in ("SOL", "USDC"))
STOP_S_MAX = 5.0
REQUEST = local_quote_pb2.LocalQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=10**9)
QUICKLY_STALE = {
    "stale_after": "1s",  # and the bound three times that: no stall of this machine makes a quote refused
    "pool_cache_staleness_threshold": "3s",
    "staleness_sweep_interval": "50ms",
    "amm_refresh_interval": "100ms",
    "clmm_refresh_interval": "100ms",
    "clmm_event_driven_interval": "100ms",
    "rpc_timeout": "500ms",
}


async def until_refused(service: RunningLocalQuote) -> tuple[bool, grpc.aio.AioRpcError]:
    """Ask until a quote is refused; says whether one was marked stale before."""
    was_stale = False
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        try:
            was_stale = (await service.stub.GetQuote(REQUEST)).is_stale or was_stale
        except grpc.aio.AioRpcError as error:
            return was_stale, error
        await asyncio.sleep(0.01)
    raise AssertionError("quotes were never refused")


async def test_quotes_age_are_marked_then_refused_and_flow_again_when_the_node_is_back(tmp_path: Path) -> None:
    ports = {"rpc_port": free_port(span=2), "slot_file": tmp_path / "slot", "slot_time": "50ms"}
    with recorded_market_process(**ports) as market:
        rpc_url, ws_url = market.rpc_url, market.websocket_url
        async with local_quote(rpc_url=rpc_url, rpc_ws_url=ws_url, **QUICKLY_STALE) as service:
            await service.until_figure("directions_quoted", 24)
            stream = service.stub.StreamQuoteBatches(
                quotes_pb2.BatchQuoteRequest(
                    pairs=[quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC)],
                    amounts=[10**9],
                    refresh_interval_ms=60_000,
                )
            )
            while (await stream.read()).quotes[0].is_stale:  # the stream has begun, and with a fresh quote
                continue
            market.process.kill()
            was_stale, error = await until_refused(service)
            assert was_stale
            assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
            assert "at most 3000 ms are accepted" in str(error.details())
            await service.until_serving(serving=False)
            health = await service.stub.Health(quotes_pb2.HealthRequest())
            assert any("does not answer" in finding for finding in health.findings)

            with recorded_market_process(**ports):
                await service.until_serving()
                await service.until_figure("feed_live", 1)
                async with asyncio.timeout(DEADLINE_S):  # it stood still, and is believed once it has advanced as long
                    while (await service.stub.GetQuote(REQUEST)).is_stale:  # noqa: ASYNC110  # asked
                        await asyncio.sleep(0.05)

                seen = ["fresh"]
                async with asyncio.timeout(DEADLINE_S):
                    while seen[-1] != "fresh again":
                        batch = await stream.read()
                        assert isinstance(batch, local_quote_pb2.LocalQuoteBatch)
                        (quote,) = batch.quotes
                        seen += _news(quote, seen)
                # A slow machine makes quotes stale before the node is killed, too; none is refused unmarked.
                refused_at = seen.index("refused")
                assert seen[refused_at - 1] == "stale"
                # What a node says that has come back is marked until its chain has advanced for long enough.
                assert seen[refused_at + 1 :] in (["fresh again"], ["stale", "fresh again"])


def _news(quote: local_quote_pb2.LocalQuote, seen: list[str]) -> list[str]:
    if quote.HasField("error"):
        now = "refused"
    elif quote.is_stale:
        now = "stale"
    else:
        now = "fresh again" if "refused" in seen else "fresh"
    return [] if seen and seen[-1] == now else [now]


async def test_it_starts_before_the_node_waits_and_serves_once_the_node_is_there() -> None:
    port = free_port()
    async with local_quote(rpc_url=f"http://127.0.0.1:{port}") as service:
        assert not await service.is_serving()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await service.stub.GetQuote(REQUEST)
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        with recorded_market_process(rpc_port=port):
            await service.until_serving()
            await service.until_figure("directions_quoted", 24)


async def test_a_node_of_rubbish_is_endured_and_counted() -> None:
    node = SolanaNode()
    await node.start()
    try:
        async with local_quote(rpc_url=node.http_url, rpc_ws_url=node.ws_url) as service:
            await eventually(lambda: bool(node.sockets))
            await node.send_text("rubbish")
            await service.until_figure("feed_malformed_total", 1)
            assert not await service.is_serving()
    finally:
        await node.stop()


def test_as_a_process_it_ends_on_sigterm_and_leaves_nothing() -> None:
    environ = os.environ | {
        "SOLQUOTE_LOCAL_QUOTE_GRPC_PORT": str(free_port()),
        "SOLQUOTE_RPC_URL": f"http://127.0.0.1:{free_port()}",
    }
    command = [sys.executable, "-m", "local_quote"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert any("listening" in line for line in process.stderr)
            watch = Stopwatch()
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()  # or one that does not end would be waited for
        assert process.returncode == 0
        assert watch.elapsed_s < STOP_S_MAX
        assert "Traceback" not in log
        assert "stopped" in log
