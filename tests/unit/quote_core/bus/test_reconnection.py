"""A cancellation ends the wait for NATS, also when the client keeps it to itself."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator

import pytest

from quote_core.bus import connect
from quote_core.bus.client import RoleClient
from quote_core.bus.client_errors import upstream_errors
from quote_core.errors import ProviderUnavailable

ENDED_S = 10.0
Call = Callable[[], Awaitable[None]]


async def refused_as_it_is_cancelled(call: Call) -> None:
    """As `asyncio.wait_for` before Python 3.12 has it when a failure and the cancellation come at once."""
    try:
        await call()
    except asyncio.CancelledError:
        raise ConnectionRefusedError from None


async def answered_as_it_is_cancelled(call: Call) -> None:
    """The same with an answer."""
    try:
        await call()
    except asyncio.CancelledError:
        return


SWALLOWERS = [refused_as_it_is_cancelled, answered_as_it_is_cancelled]


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"nats://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("swallow", SWALLOWERS)
async def test_a_deadline_ends_the_wait_for_nats(
    swallow: Callable[[Call], Awaitable[None]], silent_server: str, monkeypatch: pytest.MonkeyPatch
):
    connect_of_client = RoleClient.connect
    monkeypatch.setattr(
        RoleClient, "connect", lambda *given, **options: swallow(lambda: connect_of_client(*given, **options))
    )

    async def with_a_deadline() -> None:
        async with asyncio.timeout(0.01), connect(silent_server, name="test"):
            pass

    waiting = asyncio.create_task(with_a_deadline())
    await asyncio.wait([waiting], timeout=ENDED_S)
    assert waiting.done(), "the deadline was forgotten"
    with pytest.raises(TimeoutError):
        await waiting


@pytest.mark.parametrize("swallow", SWALLOWERS)
async def test_a_task_that_tries_for_ever_ends_when_a_call_swallows_its_cancellation(
    swallow: Callable[[Call], Awaitable[None]],
):
    async def tried_for_ever() -> None:
        while True:
            try:
                with upstream_errors():
                    await swallow(asyncio.Event().wait)
            except ProviderUnavailable:
                continue

    waiting = asyncio.create_task(tried_for_ever())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting], timeout=ENDED_S)
    assert waiting.cancelled()
