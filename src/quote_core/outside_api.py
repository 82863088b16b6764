"""Questions to an outside API over HTTP, with what no API changes: limits kept, nothing followed, nothing believed.

| the answer                             | then                                                                  |
|----------------------------------------|-----------------------------------------------------------------------|
| none in time                           | `DeadlinePassed`                                                      |
| no connection, or it ends on the way   | `ProviderUnavailable`                                                 |
| 429                                    | `RateLimited`, and a pause for as long as its headers say, or 1 s     |
| 503, or no request left in this window | a pause for as long as its headers say                                |
| 3xx                                    | `ProviderUnavailable`: a redirect would take the key to another host  |
| a status that is its way to say no     | `NoLiquidity`, with its reason                                        |
| any other status                       | `ProviderUnavailable`                                                 |
| longer than `ANSWER_BYTES_MAX`         | `LayoutMismatch`                                                      |

An answer that does not end is read line by line (`HttpApi.lines`), by the same table.

Pauses are told by `Retry-After` (seconds or a date), else `x-ratelimit-reset` (unix seconds at which one slot frees);
`x-ratelimit-remaining` says on a good answer how many are left. Headers may be absent.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Annotated, Final, TypeVar
from urllib.parse import urlencode

import aiohttp
import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from yarl import URL

from quote_core.clock import Clock
from quote_core.errors import DeadlinePassed, LayoutMismatch, NoLiquidity, ProviderUnavailable, RateLimited
from quote_core.outside import (
    RETRY_AFTER_NS_MAX,
    SLOT_MAX,
    address,
    bounded_int,
    bounded_text,
    decimal_int,
    finite,
    retry_after_ns,
    until_ns,
)
from quote_core.units import AMOUNT_MAX, NS_PER_MS, NS_PER_S, U64_MAX

__all__ = [
    "ANSWER_BYTES_MAX",
    "Address",
    "Amount",
    "Answer",
    "HttpApi",
    "Label",
    "Output",
    "Slot",
    "bounded_body",
    "read_answer",
]

ANSWER_BYTES_MAX: Final = 256 * 1024
_LABEL_CHARS_MAX: Final = 64
_REASON_CHARS_MAX: Final = 200
_PAUSE_NS_DEFAULT: Final = NS_PER_S  # a 429 that names no time


def _amount(value: object) -> int:
    return decimal_int(value, low=0, high=U64_MAX)


def _output(value: object) -> int:
    return decimal_int(value, low=1, high=AMOUNT_MAX)


def _slot(value: object) -> int:
    return bounded_int(value, low=0, high=SLOT_MAX)


def _label(value: object) -> str:
    return bounded_text(value, char_count_max=_LABEL_CHARS_MAX)


Amount = Annotated[int, BeforeValidator(_amount)]
"""Decimal text of a token's smallest units."""
Output = Annotated[int, BeforeValidator(_output)]
"""The same of what a quote pays."""
Address = Annotated[str, BeforeValidator(address)]
Label = Annotated[str, BeforeValidator(_label)]
Slot = Annotated[int, BeforeValidator(_slot)]


class Answer(BaseModel):
    """A part of a provider's answer, its fields named in camelCase there."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


_Read = TypeVar("_Read", bound=BaseModel)


def read_answer(provider: str, schema: type[_Read], body: bytes, *, called: str) -> _Read:
    """An answer's bytes as `schema`.

    Args:
        provider: Whose; begins the error.
        schema: What it has to be.
        body: The bytes.
        called: What the schema is called in the error, such as `swap v1`.

    Raises:
        LayoutMismatch: They are not that; names the first field and the rule, and repeats no value.
    """
    try:
        return schema.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise LayoutMismatch(provider, "answer is not JSON") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field, rule = ".".join(map(str, first["loc"])) or "answer", first["msg"].removeprefix("Value error, ")
        raise LayoutMismatch(provider, f"answer is not of {called}: {field}: {rule}") from error


class HttpApi:
    """One provider's API.

    Args:
        session: HTTP connections; not closed here.
        provider: Its name, for errors.
        base_url: Before every path; what is in it is never told.
        clock: For dates and reset times, which are wall time.
        pause: Told for how many nanoseconds the provider wants no request.
        refusals: Statuses that are its way to say that the market has no such quote.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        provider: str,
        base_url: str,
        clock: Clock,
        pause: Callable[[int], None],
        refusals: frozenset[int] = frozenset({HTTPStatus.BAD_REQUEST}),
    ) -> None:
        self.provider = provider
        self._session = session
        self._base = URL(base_url.rstrip("/"), encoded=True)
        self._clock = clock
        self._pause = pause
        self._refusals = refusals

    def target(self, path: str, parameters: Mapping[str, str]) -> str:
        """Path and query as they go over the wire, for a provider that wants them signed."""
        return f"{self._base.raw_path.rstrip('/')}{path}?{urlencode(parameters)}"

    def below_base(self, target: str) -> str:
        """A target without what is before it in the provider's URL, which may be a key."""
        return target.removeprefix(self._base.raw_path.rstrip("/"))

    async def get(self, target: str, *, headers: Mapping[str, str], timeout_ns: int) -> bytes:
        """Ask once; see the module's table.

        Args:
            target: Of `target`.
            headers: Keys and signatures.
            timeout_ns: The answer is worthless after this.

        Raises:
            NoLiquidity, RateLimited, ProviderUnavailable, DeadlinePassed, LayoutMismatch: See the module's table.
        """
        try:
            timeout = aiohttp.ClientTimeout(total=timeout_ns / NS_PER_S)
            async with self._asked(target, headers, timeout) as response:
                body = await _body(response)
                status, told = response.status, response.headers
        except TimeoutError as error:
            raise DeadlinePassed(self.provider, timeout_ns // NS_PER_MS) from error
        except aiohttp.ClientError as error:
            raise ProviderUnavailable(self.provider, f"cannot be reached ({type(error).__name__})") from error
        self._heed(status, told, body)
        if len(body) > ANSWER_BYTES_MAX:
            raise LayoutMismatch(self.provider, f"answer is longer than {ANSWER_BYTES_MAX} bytes")
        return body

    async def lines(
        self, target: str, *, headers: Mapping[str, str], silence_ns: int, content_type: str
    ) -> AsyncGenerator[bytes, None]:
        """Ask once, and give the lines of an answer that goes on, without their ends, until it does not.

        Args:
            target: Of `target`.
            headers: Keys and signatures.
            silence_ns: It has ended when nothing came for so long.
            content_type: What the answer has to be.

        Raises:
            NoLiquidity, RateLimited, ProviderUnavailable, DeadlinePassed, LayoutMismatch: See the module's table; the
                last one also for another content type, or a line longer than `ANSWER_BYTES_MAX`.
        """
        silence_s = silence_ns / NS_PER_S
        try:
            timeout = aiohttp.ClientTimeout(total=None, connect=silence_s, sock_read=silence_s)
            async with self._asked(target, headers, timeout) as response:
                if response.status != HTTPStatus.OK:
                    self._heed(response.status, response.headers, await _body(response))
                if response.content_type != content_type:
                    raise LayoutMismatch(self.provider, f"answer is not {content_type}")
                begun = bytearray()
                async for chunk in response.content.iter_any():
                    *whole, rest = (begun + chunk).split(b"\n")
                    for line in whole:
                        yield bytes(line.removesuffix(b"\r"))
                    begun = rest
                    if len(begun) > ANSWER_BYTES_MAX:
                        raise LayoutMismatch(
                            self.provider, f"a line of the answer is longer than {ANSWER_BYTES_MAX} bytes"
                        )
        except TimeoutError as error:
            raise DeadlinePassed(self.provider, silence_ns // NS_PER_MS) from error
        except aiohttp.ClientError as error:
            raise ProviderUnavailable(self.provider, f"cannot be reached ({type(error).__name__})") from error

    def _asked(
        self, target: str, headers: Mapping[str, str], timeout: aiohttp.ClientTimeout
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        url = URL(f"{self._base.origin()}{target}", encoded=True)
        return self._session.get(url, headers=headers, timeout=timeout, allow_redirects=False)

    def stay_away(self, headers: Mapping[str, str]) -> RateLimited:
        """Pause for as long as the headers of a 429 say; the error that tells it."""
        asked_ns = self._asked_ns(headers)
        wait_ns = _PAUSE_NS_DEFAULT if asked_ns is None else asked_ns
        self._pause(wait_ns)
        return RateLimited(self.provider, -(-min(wait_ns, RETRY_AFTER_NS_MAX) // NS_PER_MS))

    def _heed(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self.stay_away(headers)
        if status == HTTPStatus.SERVICE_UNAVAILABLE or _is_used_up(headers):
            self._pause(self._asked_ns(headers) or 0)
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise ProviderUnavailable(self.provider, f"answered {status}; redirects are not followed")
        if status in self._refusals:
            raise NoLiquidity(self.provider, _reason(body))
        if status != HTTPStatus.OK:
            raise ProviderUnavailable(self.provider, f"answered {status}")

    def _asked_ns(self, headers: Mapping[str, str]) -> int | None:
        """How long the headers ask to stay away; None = they do not tell."""
        now_unix_ns = self._clock.unix_ns()
        asked_ns = retry_after_ns(headers, now_unix_ns=now_unix_ns)
        return until_ns("x-ratelimit-reset", headers, now_unix_ns=now_unix_ns) if asked_ns is None else asked_ns


async def _body(response: aiohttp.ClientResponse) -> bytes:
    return await bounded_body(response, ANSWER_BYTES_MAX)


async def bounded_body(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """The answer, cut off beyond `bytes_max`; one that is longer is told by being longer, and its end is not read."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > bytes_max:
            break
    return bytes(body)


def _reason(body: bytes) -> str:
    # The body of a refusal is for people; whatever it is, it must not make a second error.
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "refused"
    if not isinstance(answer, dict):
        return "refused"
    return str(answer.get("error") or answer.get("msg") or "refused")[:_REASON_CHARS_MAX]


def _is_used_up(headers: Mapping[str, str]) -> bool:
    """Whether no request is left in this window; Jupiter counts `remaining` on into the negative."""
    try:
        return finite(headers.get("x-ratelimit-remaining"), low=-U64_MAX, high=U64_MAX) < 1
    except ValueError:
        return False
