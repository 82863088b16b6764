from collections.abc import AsyncGenerator
from typing import Any

import grpc
import pytest

from quote_core.errors import TooManyStreams
from quote_core.serving import streaming


class Call:
    """A call that notes how it is ended."""

    def __init__(self) -> None:
        self.ended: tuple[grpc.StatusCode, str] | None = None

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        self.ended = code, details
        raise grpc.aio.AbortError


async def test_error_of_a_stream_ends_the_call_with_its_status_after_what_was_sent() -> None:
    async def messages(request: Any, context: Any) -> AsyncGenerator[bytes, None]:
        yield b"first"
        raise TooManyStreams(7)

    call = Call()
    stream = streaming(messages)(None, call)
    assert await anext(stream) == b"first"
    with pytest.raises(grpc.aio.AbortError):
        await anext(stream)
    assert call.ended == (grpc.StatusCode.RESOURCE_EXHAUSTED, str(TooManyStreams(7)))


async def test_call_that_ends_gives_back_at_once_what_its_stream_holds() -> None:
    held = []

    async def messages(request: Any, context: Any) -> AsyncGenerator[bytes, None]:
        held.append("row")
        try:
            yield b"first"
        finally:
            held.clear()

    stream = streaming(messages)(None, Call())
    await anext(stream)
    assert held == ["row"]
    await stream.aclose()
    assert held == []
