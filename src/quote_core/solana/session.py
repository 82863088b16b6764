"""The HTTP sessions to nodes: such as follow no redirect, on a WebSocket's handshake neither.

aiohttp follows redirects unless every request says otherwise, and `ws_connect` cannot say so.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace

import aiohttp

from quote_core.addresses import is_proxied
from quote_core.clock import Clock
from quote_core.rpc_addresses import RpcAddress
from quote_core.solana.endpoints import SLOT_LAG_MAX_DEFAULT, Endpoint, Endpoints

__all__ = ["open_endpoints", "open_session"]


@asynccontextmanager
async def open_endpoints(
    addresses: Sequence[RpcAddress], *, clock: Clock, lag_slots_max: int = SLOT_LAG_MAX_DEFAULT
) -> AsyncIterator[Endpoints]:
    """The nodes at `addresses`, each with a session of its own for as long as the context lasts."""
    async with AsyncExitStack() as stack:
        endpoints = [
            Endpoint(address, session=await stack.enter_async_context(open_session(address.url)), clock=clock)
            for address in addresses
        ]
        yield Endpoints(endpoints, clock=clock, lag_slots_max=lag_slots_max)


def open_session(url: str) -> aiohttp.ClientSession:
    """A session for `url` whose requests raise `aiohttp.ClientError` where they would go to another address.

    What is not on this machine is reached through the proxy that the environment names, if it does.
    """
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_refuse)
    return aiohttp.ClientSession(trace_configs=[trace], trust_env=is_proxied(url))


async def _refuse(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
) -> None:
    raise aiohttp.ClientConnectionError(f"answered HTTP {params.response.status}; redirects are not followed")
