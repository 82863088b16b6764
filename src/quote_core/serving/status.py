"""The one place where an error becomes a gRPC status."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, NoReturn, TypeVar

import grpc
import grpc.aio

from quote_core.errors import RateLimited, SolquoteError, TooManyCalls

__all__ = ["abort_with", "grpc_code", "streaming"]

_Message = TypeVar("_Message")


def grpc_code(error: SolquoteError) -> grpc.StatusCode:
    """The canonical code of an error's class."""
    code: grpc.StatusCode = grpc.StatusCode[error.code]
    return code


async def abort_with(context: "grpc.aio.ServicerContext[object, object]", error: SolquoteError) -> NoReturn:
    """End the call with the error's code and message; a rate limit also says when to come back.

    It says so under a name of ours, and under that which gRPC's own retries heed (gRFC A6).
    """
    if isinstance(error, RateLimited | TooManyCalls):
        wait_ms = str(error.retry_after_ms)
        context.set_trailing_metadata((("retry-after-ms", wait_ms), ("grpc-retry-pushback-ms", wait_ms)))
    await context.abort(grpc_code(error), str(error))


def streaming(
    method: Callable[[Any, Any], AsyncGenerator[_Message, None]],
) -> Callable[[Any, Any], AsyncGenerator[_Message, None]]:
    """A handler of a stream from what makes its messages: an error ends the call with its status.

    A call that ends closes them here and now, so that what they hold is given back at once.
    """

    async def stream(request: Any, context: Any) -> AsyncGenerator[_Message, None]:
        try:
            async with aclosing(method(request, context)) as messages:
                async for message in messages:
                    yield message
        except SolquoteError as error:
            await abort_with(context, error)

    return stream
