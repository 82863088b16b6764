"""What browsers and slow lines ask of an HTTP API: answers for pages of other origins, and compressed ones."""

import zlib
from collections.abc import Collection
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from quote_core.web.admission import API_KEY

__all__ = ["ANY_ORIGIN", "COMPRESSED_BYTES_MIN", "accepts_gzip", "compressed", "shared_with"]

COMPRESSED_BYTES_MIN: Final = 1280
"""A shorter answer and its head fit into one packet of 1,448 bytes; compressing it takes longer than making it."""

_GZIP_LEVEL: Final = 1
"""A hundred quotes become 16 kB in 0.4 ms, where level 6 takes 1 ms for 14 kB."""
_GZIP: Final = 16 + zlib.MAX_WBITS

ANY_ORIGIN: Final = "*"
_METHODS: Final = "GET, HEAD, POST"
_HEADERS: Final = f"{hdrs.CONTENT_TYPE}, {hdrs.AUTHORIZATION}, {API_KEY}"
_PREFLIGHT_S: Final = 600


def shared_with(origins: Collection[str]) -> Middleware:
    """Let pages of these origins (`https://app.example`, or `*` for all) read the answers, errors too.

    Without credentials: nothing this middleware stands before may depend on cookies.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get(hdrs.ORIGIN)
        allowed = ANY_ORIGIN if ANY_ORIGIN in origins else origin if origin in origins else None
        is_preflight = request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        if origin is not None and allowed is not None and is_preflight:
            response: web.StreamResponse = web.Response(status=web.HTTPNoContent.status_code)
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = _METHODS
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = _HEADERS
            response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = str(_PREFLIGHT_S)
        else:
            response = await handler(request)
        if origin is not None and allowed is not None:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = allowed
        if origins and allowed is not ANY_ORIGIN:
            _varies_by(response, hdrs.ORIGIN)
        return response

    return middleware


@web.middleware
async def compressed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Send answers of `COMPRESSED_BYTES_MIN` and more as gzip to whoever accepts it."""
    response = await handler(request)
    if not isinstance(response, web.Response):
        return response
    body = response.body
    if isinstance(body, bytes) and len(body) >= COMPRESSED_BYTES_MIN:
        _varies_by(response, hdrs.ACCEPT_ENCODING)
        if accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
            # Here and now: aiohttp's own way is by a thread, which costs more than this takes.
            response.body = zlib.compress(body, _GZIP_LEVEL, _GZIP)
            response.headers[hdrs.CONTENT_ENCODING] = web.ContentCoding.gzip.value
    return response


def accepts_gzip(header: str) -> bool:
    """Whether an `Accept-Encoding` has gzip, or else `*`, with a weight that is not 0."""
    weights = {}
    for part in header.lower().split(","):
        coding, _, parameters = part.partition(";")
        _, _, weight = parameters.partition("q=")
        weights[coding.strip()] = weight.strip().rstrip("0") not in {"0.", "0", ""} if weight else True
    return weights.get("gzip", weights.get("*", False))


def _varies_by(response: web.StreamResponse, header: str) -> None:
    named = response.headers.get(hdrs.VARY)
    response.headers[hdrs.VARY] = f"{named}, {header}" if named else header
