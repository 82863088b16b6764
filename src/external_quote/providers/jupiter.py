"""Jupiter swap v1 ("Metis"): `GET /quote` over HTTP.

Rate limits are honoured in whatever form they come: 429 with `Retry-After` in seconds, else `x-ratelimit-reset` (unix
seconds at which one slot frees); and a `x-ratelimit-remaining` of zero on a good answer. Headers may be absent.
A known route is priced by restricting the search to its DEXes, and to direct routes where it is one.

Source: jup-ag/docs, openapi-spec/swap/v1/swap.yaml and portal/rate-limits.mdx.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Final

import aiohttp
import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from external_quote.providers.base import ProviderQuote, RouteLeg
from quote_core.clock import Clock
from quote_core.errors import (
    DeadlinePassed,
    LayoutMismatch,
    NoLiquidity,
    ProviderUnavailable,
    RateLimited,
)
from quote_core.quotes import QuoteKey
from quote_core.settings import SecretStr
from quote_core.units import NS_PER_MS, NS_PER_S, U64_MAX, Pubkey

__all__ = ["ANSWER_BYTES_MAX", "JupiterProvider"]

ANSWER_BYTES_MAX: Final = 256 * 1024
_PAUSE_MS_DEFAULT: Final = 1_000  # a 429 that names no time
_PAUSE_MS_MAX: Final = 60_000  # Jupiter's window is a minute: a longer wait is a header misread


def _amount_text(value: object) -> object:
    if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20):
        raise ValueError("must be decimal text")
    return int(value)


_Amount = Annotated[int, BeforeValidator(_amount_text), Field(ge=0, le=U64_MAX)]


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class _SwapInfo(_Answer):
    amm_key: str
    label: str = ""
    input_mint: str
    output_mint: str
    in_amount: _Amount
    out_amount: _Amount
    fee_amount: _Amount | None = None
    fee_mint: str | None = None


class _RouteStep(_Answer):
    swap_info: _SwapInfo


class _Quote(_Answer):
    input_mint: str
    in_amount: _Amount
    output_mint: str
    out_amount: _Amount
    price_impact_pct: float  # decimal text; for scores only
    route_plan: tuple[_RouteStep, ...] = Field(min_length=1)
    context_slot: int = Field(0, ge=0)


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
        self, key: QuoteKey, *, slippage_bps: int, known_route: Sequence[RouteLeg], timeout_ns: int
    ) -> ProviderQuote:
        """See `Provider.quote`."""
        try:
            async with self._session.get(
                self._url,
                params=_parameters(key, slippage_bps, known_route),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=timeout_ns / NS_PER_S),
            ) as response:
                body = await _body(response)
                status, headers = response.status, response.headers
        except TimeoutError as error:
            raise DeadlinePassed(self.name, timeout_ns // NS_PER_MS) from error
        except aiohttp.ClientError as error:
            raise ProviderUnavailable(self.name, f"cannot be reached ({type(error).__name__})") from error
        return self._answer(key, status, headers, body)

    def _answer(self, key: QuoteKey, status: int, headers: Mapping[str, str], body: bytes) -> ProviderQuote:
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            wait_ms = self._wait_ms(headers, _PAUSE_MS_DEFAULT)
            self._pause(wait_ms * NS_PER_MS)
            raise RateLimited(self.name, wait_ms)
        if _remaining(headers) == 0:
            self._pause(self._wait_ms(headers, 0) * NS_PER_MS)
        if status == HTTPStatus.BAD_REQUEST:
            raise NoLiquidity(self.name, _reason(body))
        if status != HTTPStatus.OK:
            raise ProviderUnavailable(self.name, f"answered {status}")
        if len(body) > ANSWER_BYTES_MAX:
            raise LayoutMismatch(self.name, f"answer is longer than {ANSWER_BYTES_MAX} bytes")
        return _decoded(self.name, key, body)

    def _wait_ms(self, headers: Mapping[str, str], default_ms: int) -> int:
        retry_after_s = _number(headers.get("Retry-After"))
        if retry_after_s is not None:
            return min(round(retry_after_s * 1000), _PAUSE_MS_MAX)
        reset_unix_s = _number(headers.get("x-ratelimit-reset"))
        if reset_unix_s is not None:
            return min(max(round(reset_unix_s * 1000) - self._clock.unix_ns() // NS_PER_MS, 0), _PAUSE_MS_MAX)
        return default_ms


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """The answer, cut off beyond the limit: what is longer is refused, so its end is not worth reading."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            break
    return bytes(body)


def _parameters(key: QuoteKey, slippage_bps: int, known_route: Sequence[RouteLeg]) -> dict[str, str]:
    parameters = {
        "inputMint": key.input_mint,
        "outputMint": key.output_mint,
        "amount": str(key.input_amount),
        "slippageBps": str(slippage_bps),
        "swapMode": "ExactIn",
    }
    labels = dict.fromkeys(leg.label for leg in known_route if leg.label)
    if labels:
        parameters["dexes"] = ",".join(labels)
        if len(known_route) == 1:
            parameters["onlyDirectRoutes"] = "true"
    return parameters


def _decoded(name: str, key: QuoteKey, body: bytes) -> ProviderQuote:
    try:
        quote = _Quote.model_validate(orjson.loads(body))
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise LayoutMismatch(name, f"answer is not of swap v1: {str(error).splitlines()[0]}") from error
    if (quote.input_mint, quote.output_mint, quote.in_amount) != (key.input_mint, key.output_mint, key.input_amount):
        raise LayoutMismatch(name, "answer is for another pair or amount than asked")
    return ProviderQuote(
        output_amount=quote.out_amount,
        legs=tuple(
            RouteLeg(
                pool_id=Pubkey(step.swap_info.amm_key),
                label=step.swap_info.label,
                input_mint=Pubkey(step.swap_info.input_mint),
                output_mint=Pubkey(step.swap_info.output_mint),
                input_amount=step.swap_info.in_amount,
                output_amount=step.swap_info.out_amount,
                fee_amount=step.swap_info.fee_amount,
                fee_mint=None if step.swap_info.fee_mint is None else Pubkey(step.swap_info.fee_mint),
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


def _remaining(headers: Mapping[str, str]) -> int | None:
    remaining = _number(headers.get("x-ratelimit-remaining"))
    return None if remaining is None else int(remaining)


def _number(text: str | None) -> float | None:
    """A header's number, below zero as zero: Jupiter counts `remaining` on into the negative."""
    # Retry-After may also be an HTTP date, which no quote provider sends; then the other header or the default serves.
    try:
        value = float(text or "")
    except ValueError:
        return None
    return max(value, 0.0) if math.isfinite(value) else None
