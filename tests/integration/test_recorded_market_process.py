"""The recorded market's life as a process: the same bytes twice, rate limits, faults, and how it starts and ends."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from fakes.recorded_market_process import PREFIX, MarketProcess, recorded_market_process
from fakes.stopwatch import Stopwatch
from fakes.waiting import DEADLINE_S
from solana.rpc.async_api import AsyncClient
from solana.rpc.websocket_api import SolanaWsClient
from solders.pubkey import Pubkey

pytestmark = pytest.mark.integration

STOP_S_MAX = 2.0  # one second by itself; the other for a machine that is busy with the rest of the suite
TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
CLOCK = Pubkey.from_string("SysvarC1ock11111111111111111111111111111111")
QUOTE = {
    "inputMint": "So11111111111111111111111111111111111111112",
    "outputMint": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
    "amount": "1000000000",
}


async def bytes_at_slot(market: MarketProcess, wanted_slot: int, *, extra_reads: int) -> dict[str, bytes]:
    """Every token account at one slot, told by subscription, whatever else the client does."""
    held: dict[str, bytes] = {}
    async with (
        asyncio.timeout(DEADLINE_S),
        AsyncClient(market.rpc_url) as client,
        SolanaWsClient(market.websocket_url) as feed,
    ):
        await feed.program_subscribe(program_id=TOKEN_PROGRAM, commitment="finalized", encoding="base64")
        await feed.account_subscribe(pubkey=CLOCK, commitment="finalized", encoding="base64")
        read = await client.get_program_accounts(TOKEN_PROGRAM, commitment="finalized", encoding="base64")
        held = {str(entry.pubkey): bytes(entry.account.data) for entry in read.value}
        for _ in range(extra_reads):
            await client.get_slot()
        while True:
            notification = (await feed.recv()).result
            if notification.context.slot > wanted_slot:
                return held
            value = notification.value
            if hasattr(value, "pubkey"):
                held[str(value.pubkey)] = bytes(value.account.data)


async def test_two_runs_of_one_seed_show_the_same_bytes_at_the_same_slot() -> None:
    shown = []
    for slot_time, extra_reads in (("50ms", 0), ("30ms", 30)):
        with recorded_market_process(seed=42, slot_time=slot_time) as market:
            wanted_slot = int(market.serving["slot"]) + 40
            shown.append(await bytes_at_slot(market, wanted_slot, extra_reads=extra_reads))
    assert len(shown[0]) > 40
    assert shown[0] == shown[1]


async def test_over_its_rate_jupiter_answers_429_and_says_when_to_come_back() -> None:
    with recorded_market_process(jupiter_requests_per_minute=2) as market:
        async with aiohttp.ClientSession(market.jupiter_url) as session:
            statuses = []
            for _ in range(3):
                async with session.get("/quote", params=QUOTE) as response:
                    statuses.append(response.status)
            assert statuses == [200, 200, 429]
            assert 0 < int(response.headers["Retry-After"]) <= 60
            assert response.headers["x-ratelimit-remaining"] == "0"
            assert int(response.headers["x-ratelimit-reset"]) > time.time()


async def test_faults_reach_rpc_and_jupiter_clients() -> None:
    with recorded_market_process(rpc_failure_fraction=1.0, jupiter_failure_fraction=1.0) as market:
        async with aiohttp.ClientSession() as session:
            for url in (market.rpc_url, market.jupiter_url + "/quote"):
                is_bad = False
                try:
                    async with session.request("POST" if url == market.rpc_url else "GET", url, json={}) as response:
                        is_bad = response.status == 503 or not (await response.read()).startswith(b'{"')
                except aiohttp.ClientError:
                    is_bad = True
                assert is_bad


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_at_once_even_with_a_listener(number: signal.Signals) -> None:
    with recorded_market_process() as market:
        async with SolanaWsClient(market.websocket_url) as feed:
            await feed.slot_subscribe()
            await feed.recv()
            watch = Stopwatch()
            market.process.send_signal(number)
            code = await asyncio.to_thread(market.process.wait, DEADLINE_S)
            assert watch.elapsed_s < STOP_S_MAX
    assert code == 0
    assert market.log[-1]["event"] == "stopped"


def test_it_tells_its_supervisor_that_it_is_ready_and_what_it_does(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        supervisor.settimeout(DEADLINE_S)
        os.environ["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        try:
            with recorded_market_process():
                first, second = supervisor.recv(4096).decode(), supervisor.recv(4096).decode()
        finally:
            del os.environ["NOTIFY_SOCKET"]
    assert "READY=1" in first
    assert "28 pools" in first
    assert "STATUS=slot " in second


def run_to_its_end(**settings: str) -> "subprocess.CompletedProcess[str]":
    environ = os.environ | {PREFIX + name: value for name, value in settings.items()}
    command = [sys.executable, "-m", "recorded_market"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


@pytest.mark.parametrize("name", ["RPC_PORT", "JUPITER_PORT"])
def test_a_taken_port_is_told_in_one_line(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        ended = run_to_its_end(**({"RPC_PORT": "0", "JUPITER_PORT": "0"} | {name: port}))
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"recorded_market cannot run: 127.0.0.1:{port}: cannot listen: the address is in use"
    )


def test_wrong_settings_are_told_one_line_each() -> None:
    ended = run_to_its_end(SEED="x", SLOT_TIME="5", SEEDS="1")
    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    for name in ("SEED:", "SLOT_TIME:", "SEEDS:"):
        assert sum(line.startswith(PREFIX + name) for line in lines) == 1
    assert len(lines) == 4
