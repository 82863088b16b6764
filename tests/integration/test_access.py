"""Who may ask the aggregator, over real gRPC and HTTP."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from aiohttp import ClientSession, encode_basic_auth
from fakes.access import write_access_file
from fakes.quote_services import FakeExternalService, FakeLocalService, serving
from fakes.running_aggregator import RunningAggregator, aggregator
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quote_core.generated.solquote.v1 import quote_aggregator_pb2_grpc as pb_grpc
from quote_core.generated.solquote.v1 import quotes_pb2

READER, OPERATOR, ENDED = "a-token-that-reads", "a-token-of-an-operator", "a-token-that-has-ended"
LINES = {READER: "reader read", OPERATOR: "operator read,admin", ENDED: "late read 2020-01-01T00:00:00Z"}

pytestmark = pytest.mark.integration


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(user: str) -> dict[str, str]:
    return {"Authorization": encode_basic_auth(user, OPERATOR)}


def shown(token: str) -> Any:
    return grpc.aio.Metadata(("authorization", f"Bearer {token}"))


@contextlib.asynccontextmanager
async def asking_aggregator(
    tmp_path: Path, *, platform: Mapping[str, object] | None = None
) -> AsyncIterator[RunningAggregator]:
    access_file = write_access_file(tmp_path / "access", LINES)
    asked = {"access_file": access_file, **(platform or {})}
    async with (
        serving(local=FakeLocalService()) as local_address,
        serving(external=FakeExternalService()) as external_address,
        aggregator(
            tmp_path / "shm", local_address=local_address, external_address=external_address, platform=asked
        ) as running,
    ):
        yield running


async def refusal(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize(
    "given", [{}, bearer("wrong"), bearer(ENDED), {"x-api-key": "wrong"}, {"Authorization": f"Basic {READER}"}]
)
async def test_who_shows_no_token_is_told_so_over_grpc_and_http(tmp_path: Path, given: dict[str, str]) -> None:
    async with asking_aggregator(tmp_path) as running, ClientSession() as session:
        stub = pb_grpc.QuoteAggregatorServiceStub(running.channel)
        metadata = grpc.aio.Metadata(*((name.lower(), value) for name, value in given.items()))
        error = await refusal(stub.Health(quotes_pb2.HealthRequest(), metadata=metadata))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert error.details() == "authorization: a valid Bearer token is required"
        stream = stub.StreamBatchQuotes(quotes_pb2.BatchQuoteRequest(), metadata=metadata)
        assert (await refusal(stream.read())).code() is grpc.StatusCode.UNAUTHENTICATED
        for path in ("/v1/quote", "/v1/pools", "/metrics"):
            async with session.get(f"{running.http_url}{path}", headers=given) as answer:
                assert answer.status == 401
                assert answer.headers["WWW-Authenticate"] == "Bearer"
                assert await answer.json() == {
                    "error": "authorization: a valid Bearer token is required",
                    "errorCode": "UNAUTHENTICATED",
                }


async def test_a_token_that_reads_is_let_in_where_it_may_read_and_nowhere_else(tmp_path: Path) -> None:
    async with asking_aggregator(tmp_path) as running, ClientSession() as session:
        stub = pb_grpc.QuoteAggregatorServiceStub(running.channel)
        assert (await stub.Health(quotes_pb2.HealthRequest(), metadata=shown(READER))).version
        for given in (bearer(READER), {"x-api-key": READER}):
            async with session.get(f"{running.http_url}/metrics", headers=given) as answer:
                assert answer.status == 200
        async with session.get(f"{running.http_url}/page/live", headers=bearer(READER)) as answer:
            assert answer.status == 403
            assert await answer.json() == {
                "error": "authorization: token reader has no scope admin, which this call asks for",
                "errorCode": "PERMISSION_DENIED",
            }


async def test_what_probes_ask_is_open_and_the_page_asks_a_browser_for_the_token(tmp_path: Path) -> None:
    async with asking_aggregator(tmp_path) as running, ClientSession() as session:
        assert await health_pb2_grpc.HealthStub(running.channel).Check(health_pb2.HealthCheckRequest())
        for path in ("/v1/health", "/openapi.json", "/docs"):
            async with session.get(f"{running.http_url}{path}") as answer:
                assert answer.status in (200, 503)
        async with session.get(f"{running.http_url}/") as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        async with session.get(f"{running.http_url}/", headers=basic("anybody")) as answer:
            assert answer.status == 200
        async with session.get(f"{running.http_url}/page/live", headers=basic("")) as answer:
            assert answer.status == 200
            assert await answer.content.readline()
