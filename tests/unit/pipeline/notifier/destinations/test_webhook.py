"""What a webhook makes of every answer, over real HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from email.utils import formatdate

import aiohttp
import pytest
from aiohttp import web
from fakes.fake_clock import FakeClock
from fakes.hook_server import HookServer, hook_server
from fakes.ports import HOST, free_port
from pydantic import SecretStr

from pipeline.notifier.destinations.base import MessageRefused
from pipeline.notifier.destinations.telegram import asked_in_body
from pipeline.notifier.destinations.webhook import ANSWER_BYTES_MAX, Webhook
from quote_core.errors import DeadlinePassed, ProviderUnavailable, RateLimited

SECRET = "T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"


@contextlib.asynccontextmanager
async def webhook(url: str, *, timeout_ns: int = 60_000_000_000) -> AsyncIterator[Webhook]:
    async with aiohttp.ClientSession() as session:
        yield Webhook(
            session,
            name="slack",
            url=SecretStr(f"{url}/services/{SECRET}"),
            clock=FakeClock(),
            timeout_ns=timeout_ns,
            asked_in_body=asked_in_body,
        )


async def refusal(*answer: object, kind: type[Exception] = ProviderUnavailable) -> str:
    """What is raised for an answer."""
    status, headers, body = answer
    async with hook_server() as server, webhook(server.url) as hook:
        server.refusals = [(status, headers, body)]  # type: ignore[list-item]
        with pytest.raises(kind) as raised:
            await hook.post({})
        assert SECRET not in str(raised.value)
        await hook.post({"text": "x"})
        assert server.contents("/services/") == [{"text": "x"}]
    return str(raised.value)


async def test_what_is_taken_is_taken():
    async with hook_server() as server, webhook(server.url) as hook:
        await hook.post({"text": "ünïcode \u2028"})
        assert server.posted == [(f"/services/{SECRET}", {"text": "ünïcode \u2028"})]


@pytest.mark.parametrize(
    ("headers", "body", "wait_ms"),
    [
        ({"Retry-After": "7"}, b"", 7_000),
        ({"Retry-After": "0.65"}, b"", 650),
        ({"Retry-After": formatdate(100, usegmt=True), "Date": formatdate(60, usegmt=True)}, b"", 40_000),
        ({}, b'{"ok":false,"error_code":429,"parameters":{"retry_after":35}}', 35_000),
        ({}, b"", 30_000),
        ({"Retry-After": "1000000000"}, b"", 86_400_000),
        ({}, b'{"parameters":{"retry_after":"soon"}}', 30_000),
    ],
)
async def test_how_long_to_stay_away_is_heeded_in_every_form(headers: dict[str, str], body: bytes, wait_ms: int):
    assert f"in {wait_ms} ms" in await refusal(429, headers, body, kind=RateLimited)


async def test_a_503_that_says_when_is_no_failure_and_one_that_does_not_is():
    assert "in 3000 ms" in await refusal(503, {"Retry-After": "3"}, b"", kind=RateLimited)
    assert await refusal(503, {}, b"") == "slack: answered 503"


async def test_a_word_is_told_and_anything_longer_is_not():
    assert await refusal(404, {}, b"no_service") == "slack: answered 404 no_service"
    assert await refusal(400, {}, SECRET.encode()) == "slack: answered 400"


@pytest.mark.parametrize(
    ("status", "is_of_the_content"),
    [
        (400, True),
        (413, True),
        (415, True),
        (422, True),
        *((status, False) for status in (401, 403, 404, 408, 410, 500)),
    ],
)
async def test_what_is_wrong_with_the_message_is_told_from_what_is_wrong_with_the_rest(
    status: int, is_of_the_content: bool
):
    async with hook_server() as server, webhook(server.url) as hook:
        server.refusals = [(status, {}, b"")]
        with pytest.raises(ProviderUnavailable) as raised:
            await hook.post({})
    assert isinstance(raised.value, MessageRefused) is is_of_the_content


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed(status: int):
    async with hook_server() as elsewhere:
        told = await refusal(status, {"Location": f"{elsewhere.url}/services/x"}, b"")
        assert told == f"slack: answered {status}; redirects are not followed"
        assert elsewhere.posted == []


async def test_an_answer_without_end_is_cut_off():
    sent = bytearray()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x" * 65_536)
                sent.extend(b"x")
        return response

    application = web.Application()
    application.router.add_post("/{path:.*}", endless)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, HOST, port).start()
    async with webhook(f"http://{HOST}:{port}") as hook:
        await hook.post({})
    await runner.cleanup()
    assert len(sent) * 65_536 < 1_000 * ANSWER_BYTES_MAX


async def test_no_answer_in_time_and_no_server_at_all():
    gate = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await gate.wait()
        return web.Response()

    application = web.Application()
    application.router.add_post("/{path:.*}", silent)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, HOST, port).start()
    async with webhook(f"http://{HOST}:{port}", timeout_ns=50_000_000) as hook:
        with pytest.raises(DeadlinePassed, match="no answer within 50 ms"):
            await hook.post({})
    gate.set()
    await runner.cleanup()
    async with webhook(f"http://{HOST}:{port}") as hook:
        with pytest.raises(ProviderUnavailable, match=r"cannot be reached \(ClientConnectorError\)") as raised:
            await hook.post({})
    assert SECRET not in str(raised.value)


def test_a_server_that_posts_nothing_has_nothing():
    assert HookServer().contents("/") == []
