"""One HTTP request to see whether somebody answers: to this machine by the standard library, elsewhere by aiohttp.

What a platform runs is asked on this machine, a dozen addresses at once; the client for everything else, with its
proxies, redirects and certificates, takes longer to load than all of them take to answer.
"""

import asyncio
import contextlib
from typing import Final
from urllib.parse import urlsplit

from quote_core.addresses import is_proxied

__all__ = ["NoHttpAnswer", "http_answer"]

_ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
_JSON: Final = "application/json"


class NoHttpAnswer(Exception):
    """Something answers that does not speak HTTP, or nobody does who can be reached that way."""


async def http_answer(url: str, json_body: bytes | None = None) -> tuple[int, bytes]:
    """Status and content of a GET, or with a body of a POST; redirects are not followed.

    Raises:
        OSError, NoHttpAnswer: There is no answer.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or is_proxied(url) or "@" in parts.netloc:
        return await _from_elsewhere(url, json_body)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    head = f"{'GET' if json_body is None else 'POST'} {target} HTTP/1.0\r\nHost: {parts.netloc}\r\n"
    if json_body is not None:
        head += f"Content-Type: {_JSON}\r\nContent-Length: {len(json_body)}\r\n"
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80, limit=_ANSWER_BYTES_MAX)
    try:
        writer.write(f"{head}\r\n".encode() + (json_body or b""))
        return await _read(reader)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise NoHttpAnswer from error
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """By HTTP 1.0 a server says no more than the answer, and hangs up."""
    head = await reader.readuntil(b"\r\n\r\n")
    version, _, rest = head.partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/") or not status.isdigit():
        raise NoHttpAnswer
    content = bytearray()
    while len(content) < _ANSWER_BYTES_MAX and (part := await reader.read(_ANSWER_BYTES_MAX)):
        content += part
    return int(status), bytes(content)


async def _from_elsewhere(url: str, json_body: bytes | None) -> tuple[int, bytes]:
    import aiohttp  # noqa: PLC0415  # see above

    from quote_core.solana import open_session  # noqa: PLC0415  # see above

    headers = {} if json_body is None else {"Content-Type": _JSON}
    method = "GET" if json_body is None else "POST"
    try:
        async with (
            open_session(url) as session,
            session.request(method, url, data=json_body, headers=headers) as response,
        ):
            return response.status, await response.read()
    except aiohttp.ClientError as error:
        raise NoHttpAnswer(type(error).__name__) from error
