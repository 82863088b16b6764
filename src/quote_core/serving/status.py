"""The one place where an error becomes a gRPC status."""

from typing import NoReturn

import grpc
import grpc.aio

from quote_core.errors import RateLimited, SolquoteError

__all__ = ["abort_with", "grpc_code"]


def grpc_code(error: SolquoteError) -> grpc.StatusCode:
    """The canonical code of an error's class."""
    code: grpc.StatusCode = grpc.StatusCode[error.code]
    return code


async def abort_with(context: "grpc.aio.ServicerContext[object, object]", error: SolquoteError) -> NoReturn:
    """End the call with the error's code and message; a rate limit also says when to come back."""
    if isinstance(error, RateLimited):
        context.set_trailing_metadata((("retry-after-ms", str(error.retry_after_ms)),))
    await context.abort(grpc_code(error), str(error))
