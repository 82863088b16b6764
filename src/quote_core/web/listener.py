"""What is new where an HTTP connection comes in: certificates that are the newest ones, and one that is too many."""

import asyncio
import ssl
from typing import Any, Final

from quote_core.access.control import AccessControl

__all__ = ["OneTooMany", "following_context"]

_REFUSAL: Final = b'{"error":"connections: as many are open as this service allows","errorCode":"RESOURCE_EXHAUSTED"}'
_ANSWER: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(_REFUSAL), _REFUSAL)
)


class OneTooMany(asyncio.Protocol):
    """A connection that is answered with a refusal before it has asked, and ended."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuse."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(_ANSWER)
        transport.close()


def following_context(access: AccessControl) -> ssl.SSLContext | None:
    """What a listener takes for TLS, by which each connection begins with `access.certificates` as they are by then."""
    if access.certificates is None:
        return None
    context = _FollowingContext(ssl.PROTOCOL_TLS_SERVER)
    context.access = access
    return context


class _FollowingContext(ssl.SSLContext):
    """asyncio keeps one context a listener, and asks it to wrap each connection."""

    access: AccessControl

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        certificates = self.access.certificates
        assert certificates is not None  # a server does not begin or end with TLS while it runs
        return certificates.context.wrap_bio(*args, **kwargs)
