"""The aggregator as an engineer explores it: with `buf curl`, by reflection alone, and the standard health service."""

import asyncio
import json
import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakes.quote_services import FakeExternalService, FakeLocalService
from fakes.running_aggregator import RunningAggregator, aggregator_between
from fakes.waiting import DEADLINE_S
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

TOKENS = load_tokens()
SOL = TOKENS.resolve("SOL", field="").mint
USDC = TOKENS.resolve("USDC", field="").mint
BUF = Path(sysconfig.get_path("scripts")) / "buf"
SERVICE = "solquote.v1.QuoteAggregatorService"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningAggregator]:
    local = FakeLocalService()
    local.usd = {SOL: 140.0, USDC: 1.0}
    local.rates = {(SOL, USDC): 0.14, (USDC, SOL): 7.1}
    async with aggregator_between(tmp_path, local=local, external=FakeExternalService()) as service:
        yield service


async def curl(running: RunningAggregator, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        BUF,
        "curl",
        "--http2-prior-knowledge",
        "--protocol",
        "grpc",
        *(argument.replace("URL", f"http://{running.grpc_address}") for argument in arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**22,
    )


async def output(process: asyncio.subprocess.Process) -> str:
    out, error = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    assert process.returncode == 0, error.decode()
    return out.decode()


async def test_every_service_is_listed_by_reflection(running: RunningAggregator) -> None:
    listed = await output(await curl(running, "--list-services", "URL"))
    assert set(listed.split()) >= {SERVICE, "grpc.health.v1.Health"}


async def test_every_method_is_listed_by_reflection(running: RunningAggregator) -> None:
    listed = await output(await curl(running, "--list-methods", "URL"))
    methods = {line.rsplit("/", 1)[1] for line in listed.split() if line.startswith(SERVICE)}
    assert methods == {"ExplainQuote", "GetQuote", "GetRoute", "Health", "StreamQuotes", "StreamBatchQuotes"}


async def test_quote_is_got_without_reading_code(running: RunningAggregator) -> None:
    request = {"inputMint": SOL, "outputMint": USDC, "inputAmount": "1000000000"}
    answer = json.loads(await output(await curl(running, "-d", json.dumps(request), f"URL/{SERVICE}/GetQuote")))
    assert answer["outputAmount"] == "140000000"
    assert answer["bestSource"] == "QUOTE_SOURCE_LOCAL"


async def test_twenty_messages_of_the_batch_stream_are_read(running: RunningAggregator) -> None:
    request: dict[str, Any] = {
        "pairs": [{"inputMint": SOL, "outputMint": USDC}, {"inputMint": USDC, "outputMint": SOL}],
        "amounts": ["1000000000"],
        "refreshIntervalMs": 50,
    }
    process = await curl(running, "-d", json.dumps(request), f"URL/{SERVICE}/StreamBatchQuotes")
    assert process.stdout is not None
    messages: list[dict[str, Any]] = []
    text = ""
    async with asyncio.timeout(DEADLINE_S):
        while len(messages) < 20:
            text += (await process.stdout.readline()).decode()
            try:
                messages.append(json.loads(text))
            except json.JSONDecodeError:
                continue  # a message is written over several lines
            text = ""
    process.kill()
    await process.communicate()
    assert messages[0]["snapshot"]
    assert [int(message["sequence"]) for message in messages] == list(range(1, 21))
    assert {quote["inputMint"] for quote in messages[0]["quotes"]} == {SOL, USDC}


async def test_standard_health_service_says_serving_once_quotes_flow(running: RunningAggregator) -> None:
    stub = health_pb2_grpc.HealthStub(running.channel)
    watching = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
    async with asyncio.timeout(DEADLINE_S):
        while (await watching.read()).status != health_pb2.HealthCheckResponse.SERVING:
            continue
    watching.cancel()
