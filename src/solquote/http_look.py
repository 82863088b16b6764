"""One HTTP request to see whether somebody answers: to this machine by the standard library, elsewhere by aiohttp.

What a platform runs is asked on this machine, a dozen addresses at once; the client for everything else, with its
proxies, redirects and certificates, takes longer to load than all of them take to answer.
"""

import asyncio
import contextlib
from typing import Final
from urllib.parse import urlsplit

from quote_core.access.caller import Caller
from quote_core.addresses import is_proxied
from solquote.http_exchange import ArrivingAnswer, NoHttpAnswer, request_bytes

__all__ = ["http_answer", "one_answer"]

_ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
_PART_BYTES_MAX: Final = 256 * 1024
_JSON: Final = "application/json"


async def http_answer(url: str, json_body: bytes | None = None, *, caller: Caller | None = None) -> tuple[int, bytes]:
    """Status and content of a GET, or with a body of a POST; redirects are not followed. `caller` asks our own servers.

    Raises:
        OSError, NoHttpAnswer: There is no answer.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or is_proxied(url) or "@" in parts.netloc:
        return await _from_elsewhere(url, json_body, caller)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = request_bytes(target, host=parts.netloc, content=json_body, fields=caller.headers() if caller else None)
    return await one_answer(parts.hostname or "", parts.port or 80, request)


async def one_answer(host: str, port: int, request: bytes) -> tuple[int, bytes]:
    """Status and content of the answer to a request, by the standard library whatever the host.

    Raises:
        OSError, NoHttpAnswer: There is no answer.
    """
    answer = ArrivingAnswer(_ANSWER_BYTES_MAX)
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request)
        while not answer.take(await reader.read(_PART_BYTES_MAX)):
            pass
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    assert answer.status is not None
    return answer.status, bytes(answer.content)


async def _from_elsewhere(url: str, json_body: bytes | None, caller: Caller | None) -> tuple[int, bytes]:
    import aiohttp  # noqa: PLC0415  # see above

    from quote_core.solana import open_session  # noqa: PLC0415  # see above

    headers = {**({} if json_body is None else {"Content-Type": _JSON}), **(caller.headers() if caller else {})}
    context = caller.context if caller is not None and caller.context is not None else True
    method = "GET" if json_body is None else "POST"
    try:
        async with (
            open_session(url) as session,
            session.request(method, url, data=json_body, headers=headers, ssl=context) as response,
        ):
            return response.status, await response.read()
    except aiohttp.ClientError as error:
        raise NoHttpAnswer(type(error).__name__) from error
