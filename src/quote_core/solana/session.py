"""The HTTP session to a node: one that follows no redirect, on a WebSocket's handshake neither.

aiohttp follows redirects unless every request says otherwise, and `ws_connect` cannot say so.
"""

from types import SimpleNamespace

import aiohttp

from quote_core.addresses import is_proxied

__all__ = ["open_session"]


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
