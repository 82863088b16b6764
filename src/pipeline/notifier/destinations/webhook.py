"""One POST of JSON to an address that is a secret, or holds one.

| the answer                       | then                                                                          |
|----------------------------------|-------------------------------------------------------------------------------|
| 2xx                              | taken                                                                         |
| 429, or 503 with `Retry-After`   | `RateLimited`, for as long as it says, in both of its forms; else 30 s         |
| 4xx that speaks of the content   | `MessageRefused`, with the status, and the answer where it is one word        |
| 3xx                              | `ProviderUnavailable`: a redirect would take the secret to another host       |
| anything else                    | `ProviderUnavailable`, likewise                                               |
| none in time, or no connection   | `DeadlinePassed`, `ProviderUnavailable`                                       |

Of an answer no more than `ANSWER_BYTES_MAX` and what came with them is read. No reason names the address.
"""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import orjson
from pydantic import SecretStr
from yarl import URL

from pipeline.notifier.destinations.base import MessageRefused
from quote_core.clock import Clock
from quote_core.errors import DeadlinePassed, ProviderUnavailable, RateLimited
from quote_core.outside import RETRY_AFTER_NS_MAX, retry_after_ns
from quote_core.outside_api import bounded_body
from quote_core.telemetry.logs import masked
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["ANSWER_BYTES_MAX", "Webhook"]

ANSWER_BYTES_MAX: Final = 64 * 1024
_PAUSE_NS_DEFAULT: Final = 30 * NS_PER_S
_NOT_OF_THE_CONTENT: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.GONE,
        HTTPStatus.MISDIRECTED_REQUEST,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Of the 4xx: what they say is true of every message, now or at this address."""
_WORD: Final = re.compile(rb"[a-z_]{1,40}")


class Webhook:
    """Where one destination's messages are posted.

    Args:
        session: HTTP connections; not closed here.
        name: The destination's, for errors.
        url: Where; never told.
        clock: For a date in `Retry-After`.
        timeout_ns: For one exchange, all of it.
        asked_in_body: How many nanoseconds the body of a 429 asks to wait, where that is how the other side tells.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        name: str,
        url: SecretStr,
        clock: Clock,
        timeout_ns: int,
        asked_in_body: Callable[[bytes], int | None] = lambda _: None,
    ) -> None:
        self._session = session
        self._name = name
        self._url = url
        self._clock = clock
        self._timeout_ns = timeout_ns
        self._asked_in_body = asked_in_body

    async def post(self, content: Mapping[str, Any]) -> None:
        """Post once.

        Raises:
            RateLimited, MessageRefused, ProviderUnavailable, DeadlinePassed: See the module's table.
        """
        try:
            async with self._session.post(
                URL(self._url.get_secret_value(), encoded=True),
                data=orjson.dumps(content),
                headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=self._timeout_ns / NS_PER_S),
                allow_redirects=False,
            ) as response:
                status, headers = response.status, response.headers
                body = await bounded_body(response, ANSWER_BYTES_MAX)
        except TimeoutError:
            raise DeadlinePassed(self._name, self._timeout_ns // NS_PER_MS) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The error's own words have the address in them.
            raise ProviderUnavailable(self._name, f"cannot be reached ({type(error).__name__})") from None
        self._judge(status, headers, body)

    def _judge(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return
        asked_ns = retry_after_ns(headers, now_unix_ns=self._clock.unix_ns())
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            told_ns = self._asked_in_body(body) if asked_ns is None else asked_ns
            raise self._rate_limited(_PAUSE_NS_DEFAULT if told_ns is None else told_ns)
        if status == HTTPStatus.SERVICE_UNAVAILABLE and asked_ns is not None:
            raise self._rate_limited(asked_ns)
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise ProviderUnavailable(self._name, f"answered {status}; redirects are not followed")
        word = f" {body.decode()}" if _WORD.fullmatch(body) else ""
        is_of_content = status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _NOT_OF_THE_CONTENT
        kind = MessageRefused if is_of_content else ProviderUnavailable
        raise kind(self._name, masked(f"answered {status}{word}"))

    def _rate_limited(self, asked_ns: int) -> RateLimited:
        return RateLimited(self._name, -(-min(asked_ns, RETRY_AFTER_NS_MAX) // NS_PER_MS))
