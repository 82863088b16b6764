"""Jupiter swap v1 ("Metis"): `GET /quote` over HTTP.

Rate limits are honoured in whatever form they come: 429 or 503 with `Retry-After` (seconds or a date), else
`x-ratelimit-reset` (unix seconds at which one slot frees); and a `x-ratelimit-remaining` of zero on a good answer.
Headers may be absent. A known route is priced by restricting the search to its DEXes, and to direct routes where it is
one. A redirect is not followed: it would take the key to another host.

`priceImpactPct` is a fraction despite its name. Where the route pays more than the price Jupiter compares with, it is
below zero; that is no impact. What is not within -1 and 1 is no fraction of an amount.

Jupiter says nothing of where a pool is from. The recorded market's stand-in does, in a `provenance` beside the pool;
what is said there and has no name here claims least (`docs/decisions/0002-provenance.md`).

Source: jup-ag/docs, openapi-spec/swap/v1/swap.yaml and portal/rate-limits.mdx.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final

import aiohttp
import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from external_quote.providers.base import ProviderQuote
from quote_core.clock import Clock
from quote_core.errors import (
    DeadlinePassed,
    LayoutMismatch,
    NoLiquidity,
    ProviderUnavailable,
    RateLimited,
)
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
from quote_core.quotes import Provenance, QuoteKey, RouteHop
from quote_core.settings import SecretStr
from quote_core.units import AMOUNT_MAX, NS_PER_MS, NS_PER_S, U64_MAX, Pubkey

__all__ = ["ANSWER_BYTES_MAX", "JupiterProvider"]

ANSWER_BYTES_MAX: Final = 256 * 1024
_LEG_COUNT_MAX: Final = 32
_LABEL_CHARS_MAX: Final = 64
_PAUSE_NS_DEFAULT: Final = NS_PER_S  # a 429 that names no time


def _origin(told: object) -> Provenance | None:
    if told is None:
        return None
    return _ORIGINS.get(told, Provenance.SYNTHETIC) if isinstance(told, str) else Provenance.SYNTHETIC


_ORIGINS: Final = {one.name.lower(): one for one in Provenance}
_Amount = Annotated[int, BeforeValidator(partial(decimal_int, low=0, high=U64_MAX))]
_Address = Annotated[str, BeforeValidator(address)]
_Origin = Annotated[Provenance | None, BeforeValidator(_origin)]
_Label = Annotated[str, BeforeValidator(partial(bounded_text, char_count_max=_LABEL_CHARS_MAX))]


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class _SwapInfo(_Answer):
    amm_key: _Address
    label: _Label = ""
    input_mint: _Address
    output_mint: _Address
    in_amount: _Amount
    out_amount: _Amount
    fee_amount: _Amount | None = None
    fee_mint: _Address | None = None
    provenance: _Origin = None


class _RouteStep(_Answer):
    swap_info: _SwapInfo


class _Quote(_Answer):
    input_mint: _Address
    in_amount: _Amount
    output_mint: _Address
    out_amount: Annotated[int, BeforeValidator(partial(decimal_int, low=1, high=AMOUNT_MAX))]
    price_impact_pct: Annotated[float, BeforeValidator(partial(finite, low=-1.0, high=1.0))]  # for scores only
    route_plan: tuple[_RouteStep, ...] = Field(min_length=1, max_length=_LEG_COUNT_MAX)
    context_slot: Annotated[int, BeforeValidator(partial(bounded_int, low=0, high=SLOT_MAX))] = 0


class JupiterProvider:
    """See `Provider`."""

    name = "jupiter"

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        api_key: SecretStr | None,
        clock: Clock,
        pause: Callable[[int], None],
    ) -> None:
        """Set the provider up.

        Args:
            session: HTTP connections; not closed here.
            base_url: As in `https://api.jup.ag/swap/v1`.
            api_key: For header `x-api-key`; `None` = keyless.
            clock: For the reset time, which is wall time.
            pause: Told for how many nanoseconds Jupiter wants no request.
        """
        self._session = session
        self._url = base_url.rstrip("/") + "/quote"
        self._headers = {} if api_key is None else {"x-api-key": api_key.get_secret_value()}
        self._clock = clock
        self._pause = pause

    async def quote(
        self, key: QuoteKey, *, slippage_bps: int, known_route: Sequence[RouteHop], timeout_ns: int
    ) -> ProviderQuote:
        """See `Provider.quote`."""
        try:
            async with self._session.get(
                self._url,
                params=_parameters(key, slippage_bps, known_route),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=timeout_ns / NS_PER_S),
                allow_redirects=False,
            ) as response:
                body = await _body(response)
                status, headers = response.status, response.headers
        except TimeoutError as error:
            raise DeadlinePassed(self.name, timeout_ns // NS_PER_MS) from error
        except aiohttp.ClientError as error:
            raise ProviderUnavailable(self.name, f"cannot be reached ({type(error).__name__})") from error
        return self._answer(key, status, headers, body)

    def _answer(self, key: QuoteKey, status: int, headers: Mapping[str, str], body: bytes) -> ProviderQuote:
        asked_ns = self._asked_ns(headers)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            wait_ns = _PAUSE_NS_DEFAULT if asked_ns is None else asked_ns
            self._pause(wait_ns)
            raise RateLimited(self.name, -(-min(wait_ns, RETRY_AFTER_NS_MAX) // NS_PER_MS))
        if status == HTTPStatus.SERVICE_UNAVAILABLE or _is_used_up(headers):
            self._pause(asked_ns or 0)
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise ProviderUnavailable(self.name, f"answered {status}; redirects are not followed")
        if status == HTTPStatus.BAD_REQUEST:
            raise NoLiquidity(self.name, _reason(body))
        if status != HTTPStatus.OK:
            raise ProviderUnavailable(self.name, f"answered {status}")
        if len(body) > ANSWER_BYTES_MAX:
            raise LayoutMismatch(self.name, f"answer is longer than {ANSWER_BYTES_MAX} bytes")
        return _decoded(self.name, key, body)

    def _asked_ns(self, headers: Mapping[str, str]) -> int | None:
        """How long the headers ask to stay away; None = they do not tell."""
        now_unix_ns = self._clock.unix_ns()
        asked_ns = retry_after_ns(headers, now_unix_ns=now_unix_ns)
        return until_ns("x-ratelimit-reset", headers, now_unix_ns=now_unix_ns) if asked_ns is None else asked_ns


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """The answer, cut off beyond the limit: what is longer is refused, so its end is not worth reading."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            break
    return bytes(body)


def _parameters(key: QuoteKey, slippage_bps: int, known_route: Sequence[RouteHop]) -> dict[str, str]:
    parameters = {
        "inputMint": key.input_mint,
        "outputMint": key.output_mint,
        "amount": str(key.input_amount),
        "slippageBps": str(slippage_bps),
        "swapMode": "ExactIn",
    }
    labels = dict.fromkeys(hop.protocol for hop in known_route if hop.protocol)
    if labels:
        parameters["dexes"] = ",".join(labels)
        if len(known_route) == 1:
            parameters["onlyDirectRoutes"] = "true"
    return parameters


def _decoded(name: str, key: QuoteKey, body: bytes) -> ProviderQuote:
    try:
        quote = _Quote.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise LayoutMismatch(name, "answer is not JSON") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field, rule = ".".join(map(str, first["loc"])) or "answer", first["msg"].removeprefix("Value error, ")
        raise LayoutMismatch(name, f"answer is not of swap v1: {field}: {rule}") from error
    if (quote.input_mint, quote.output_mint, quote.in_amount) != (key.input_mint, key.output_mint, key.input_amount):
        raise LayoutMismatch(name, "answer is for another pair or amount than asked")
    return ProviderQuote(
        output_amount=quote.out_amount,
        route=tuple(
            RouteHop(
                pool_id=Pubkey(step.swap_info.amm_key),
                protocol=step.swap_info.label,
                input_mint=Pubkey(step.swap_info.input_mint),
                output_mint=Pubkey(step.swap_info.output_mint),
                input_amount=step.swap_info.in_amount,
                output_amount=step.swap_info.out_amount,
                fee_amount=step.swap_info.fee_amount,
                fee_mint=None if step.swap_info.fee_mint is None else Pubkey(step.swap_info.fee_mint),
                provenance=step.swap_info.provenance,
            )
            for step in quote.route_plan
        ),
        price_impact_fraction=max(quote.price_impact_pct, 0.0),
        slot=quote.context_slot,
    )


def _reason(body: bytes) -> str:
    # The body of a refusal is for people; whatever it is, it must not make a second error.
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "refused"
    return str(answer.get("error", "refused"))[:200] if isinstance(answer, dict) else "refused"


def _is_used_up(headers: Mapping[str, str]) -> bool:
    """Whether no request is left in this window; Jupiter counts `remaining` on into the negative."""
    try:
        return finite(headers.get("x-ratelimit-remaining"), low=-U64_MAX, high=U64_MAX) < 1
    except ValueError:
        return False
