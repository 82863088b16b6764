"""SIGHUP to a real aggregator with tokens and TLS, asked by our own clients and by `buf curl`."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import sysconfig
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from fakes.access import write_access_file, write_secret
from fakes.certificates import Authority
from fakes.ports import free_port
from fakes.quote_services import FakeExternalService, FakeLocalService, serving
from fakes.waiting import DEADLINE_S, eventually

from quote_core.access.caller import Caller
from quote_core.channel import open_channel
from quote_core.generated.solquote.v1 import quote_aggregator_pb2_grpc as pb_grpc
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

PROTO = Path(__file__).parents[2] / "proto"
BUF = Path(sysconfig.get_path("scripts")) / "buf"
TOKENS = load_tokens()
SOL, USDC = (TOKENS.resolve(symbol, field="").mint for symbol in ("SOL", "USDC"))
FIRST, SECOND = "the-first-token-of-the-reader", "the-second-token-of-the-reader"


@dataclass(frozen=True)
class Process:
    running: asyncio.subprocess.Process
    address: str
    log: Path
    config: Path

    def hang_up(self) -> None:
        self.running.send_signal(signal.SIGHUP)

    async def until_said(self, words: str, *, count: int = 1) -> None:
        await eventually(lambda: self.log.read_text().count(words) >= count)


@contextlib.asynccontextmanager
async def aggregator_process(tmp_path: Path, authority: Authority) -> AsyncIterator[Process]:
    """Settings that may change are in the settings file, the others in the environment."""
    issued = authority.issue("server")
    grpc_port, log = free_port(), tmp_path / "log"
    config = tmp_path / "settings.toml"
    config.write_text("[platform]\n")
    service = FakeLocalService()
    service.rates = {(SOL, USDC): 0.14, (USDC, SOL): 7.1}
    async with serving(local=service) as local, serving(external=FakeExternalService()) as external:
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SOLQUOTE_")},
            "SOLQUOTE_CONFIG": str(config),
            "SOLQUOTE_DATA_DIR": str(tmp_path / "data"),
            "SOLQUOTE_SHM_DIR": str(tmp_path / "shm"),
            "SOLQUOTE_LOCAL_QUOTE_ADDRESS": local,
            "SOLQUOTE_EXTERNAL_QUOTE_ADDRESS": external,
            "SOLQUOTE_NATS_URL": f"nats://127.0.0.1:{free_port()}",
            "SOLQUOTE_AGGREGATOR_GRPC_PORT": str(grpc_port),
            "SOLQUOTE_AGGREGATOR_HTTP_PORT": str(free_port()),
            "SOLQUOTE_AGGREGATOR_METRICS_PORT": "0",
            "SOLQUOTE_ACCESS_FILE": str(write_access_file(tmp_path / "access", {FIRST: "reader read"})),
            "SOLQUOTE_TLS_CERTIFICATE": str(issued.certificate),
            "SOLQUOTE_TLS_KEY": str(issued.key),
        }
        with log.open("wb") as output:
            running = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "aggregator", env=environ, stderr=output
            )
        try:
            process = Process(running, f"127.0.0.1:{grpc_port}", log, config)
            await process.until_said('"event": "serving"')
            yield process
            assert running.returncode is None
        finally:
            running.terminate()
            await asyncio.wait_for(running.wait(), DEADLINE_S)
    assert running.returncode == 0


async def code_of(process: Process, caller: Caller) -> str:
    async with open_channel(process.address, caller) as channel:
        stub = pb_grpc.QuoteAggregatorServiceStub(channel)
        try:
            await stub.Health(quotes_pb2.HealthRequest(), timeout=DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"


async def test_tokens_rotate_and_certificates_change_at_a_hangup_and_wrong_ones_do_not(tmp_path: Path) -> None:
    authority, next_authority = Authority(tmp_path / "ca"), Authority(tmp_path / "next-ca")
    shown = write_secret(tmp_path / "shown", FIRST)
    caller = Caller(ca=authority.path, token_file=shown)
    access = tmp_path / "access"
    async with aggregator_process(tmp_path, authority) as process:
        assert await code_of(process, caller) == "OK"
        header = f"Authorization: Bearer {FIRST}"
        code, said = await buf_curl(process, authority, "--header", header, "--reflect-header", header)
        assert code == 0, said
        assert json.loads(said)["version"]
        assert (await buf_curl(process, authority, "--header", header))[0] != 0  # reflection asks as well
        async with open_channel(process.address, caller) as channel:
            stream = pb_grpc.QuoteAggregatorServiceStub(channel).StreamBatchQuotes(watched())
            assert await stream.read()

            write_access_file(access, {FIRST: "reader read", SECOND: "reader read"})
            process.hang_up()
            await process.until_said("settings read again")
            write_secret(shown, SECOND)  # our own clients show the new one without a word
            assert await code_of(process, caller) == "OK"

            write_access_file(access, {SECOND: "reader read"})
            process.hang_up()
            await process.until_said("settings read again", count=2)
            with_first = Caller(ca=authority.path, token_file=write_secret(tmp_path / "first", FIRST))
            assert await code_of(process, with_first) == "UNAUTHENTICATED"
            assert await ending(stream) == "UNAUTHENTICATED"  # it began with the first token

        access.write_text(f"reader read not-a-hash-{SECOND}\n")
        process.hang_up()
        await process.until_said("the new settings are wrong, the old ones stay")
        assert await code_of(process, caller) == "OK"
        write_access_file(access, {SECOND: "reader read"})

        issued = next_authority.issue("server")
        certificate, key = (path.read_bytes() for path in (issued.certificate, issued.key))
        (tmp_path / "ca" / "server.pem").write_bytes(certificate)
        (tmp_path / "ca" / "server.key").write_bytes(key)
        process.config.write_text('[platform]\nclient_quota = 2\nlog_level = "debug"\n')
        process.hang_up()
        await process.until_said("settings read again", count=3)
        assert await code_of(process, caller) == "UNAVAILABLE"
        moved = Caller(ca=next_authority.path, token_file=shown)
        assert [await code_of(process, moved) for _ in range(3)] == ["OK", "OK", "RESOURCE_EXHAUSTED"]
        header = ("--header", f"Authorization: Bearer {SECOND}")
        assert "resource_exhausted" in (await buf_curl(process, next_authority, "--schema", PROTO, *header))[1]
        assert "unauthenticated" in (await buf_curl(process, next_authority, "--schema", PROTO))[1]
    told = process.log.read_text()
    assert '"at_next_start": ["SOLQUOTE_LOG_LEVEL"]' in told
    assert "line 1: the third word must be the token's SHA-256" in told
    assert FIRST not in told
    assert SECOND not in told
    assert "PRIVATE KEY" not in told


async def ending(stream: Any) -> str:
    """Why it ends."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while await stream.read():
                pass
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


def watched() -> quotes_pb2.BatchQuoteRequest:
    pair = quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC)
    return quotes_pb2.BatchQuoteRequest(pairs=[pair], amounts=[10**9])


async def buf_curl(process: Process, authority: Authority, *options: object) -> tuple[int | None, str]:
    """A foreign client, which knows the authority and a header alone; its exit code and all that it said."""
    buf = await asyncio.create_subprocess_exec(
        *(BUF, "curl", "--protocol", "grpc", "--cacert", authority.path, *map(str, options), "-d", "{}"),
        f"https://{process.address}/solquote.v1.QuoteAggregatorService/Health",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(buf.communicate(), DEADLINE_S)
    return buf.returncode, said.decode()
