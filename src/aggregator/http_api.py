"""The HTTP API: parse, call, answer. Errors are `{error, errorCode}` with the status of their code."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import orjson
from aiohttp import hdrs, web
from pydantic import BaseModel, ValidationError
from yarl import URL

from aggregator.clients import LocalClient
from aggregator.fanout import Fanout
from aggregator.health import AggregatorHealth
from aggregator.held import Refusal
from aggregator.held_answers import HeldAnswers
from aggregator.http_access import ASKS
from aggregator.http_answers import health_answer, pool_answer, quote_answer
from aggregator.http_errors import http_status, refusal_of
from aggregator.http_models import (
    LIST_PARAMETERS,
    BatchBody,
    NotOfferedAnswer,
    PoolsAnswer,
    QuoteParameters,
)
from aggregator.openapi import JUPITER_PREFIXES, SWAP_PAGE, openapi_document
from aggregator.openapi_page import PAGE_POLICY, openapi_page
from aggregator.page.server import Page
from aggregator.rows import RowRegistry
from aggregator.selection import Merged
from aggregator.swagger.server import swagger_routes
from aggregator.token_api import TokenApi
from quote_core.access.control import AccessControl
from quote_core.clock import Clock
from quote_core.dex.pool import SwapMode
from quote_core.dex.programs import program_labels
from quote_core.errors import InvalidField, SolquoteError
from quote_core.json_dialect import error_answer
from quote_core.quotes import QuoteKey
from quote_core.serving import QuoteRequest, checked_quote_request, compressed, shared_with
from quote_core.telemetry.metrics import MetricsPage
from quote_core.tokens import TokenRegistry
from quote_core.units import NS_PER_MS
from quote_core.web.admission import admitting
from quote_core.web.metrics_endpoint import METRICS_PATH, metrics_answer

__all__ = ["BODY_BYTES_MAX", "HttpApi"]

BODY_BYTES_MAX: Final = 64 * 1024
_OWN_CODES: Final = {
    HTTPStatus.NOT_FOUND: "NOT_FOUND",
    HTTPStatus.METHOD_NOT_ALLOWED: "UNIMPLEMENTED",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "RESOURCE_EXHAUSTED",
}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Answer = bytes | Refusal

_QUERIES_KNOWN_MAX: Final = 4096
"""Queries of single quotes, as they came, that are not read again: clients ask for the same amounts over and over."""
_QUERY_CHARACTERS_MAX: Final = 512
"""Longer ones are read each time: what is kept takes 6 MB, and 20 at most whatever a client asks for."""
_BATCHES_KNOWN_MAX: Final = 16
"""The same of batches, by their bytes: reading one of 100 quotes costs as much as answering it. 2 MB, 10 at most."""


class _Asked(NamedTuple):
    """A request, read and checked; without a `key` it is one for our own engine alone."""

    parameters: QuoteParameters
    wanted: QuoteRequest
    key: QuoteKey | None


class HttpApi:
    """The handlers, and the application that routes to them."""

    def __init__(
        self,
        *,
        tokens: TokenRegistry,
        rows: RowRegistry,
        held: HeldAnswers,
        fanout: Fanout,
        local: LocalClient,
        health: AggregatorHealth,
        metrics: MetricsPage,
        clock: Clock,
        pools_timeout_ns: int,
        cors_origins: Collection[str] = (),
        page: Page | None = None,
        access: AccessControl | None = None,
    ) -> None:
        self._tokens = tokens
        self._rows = rows
        self._held = held
        self._fanout = fanout
        self._local = local
        self._health = health
        self._metrics = metrics
        self._clock = clock
        self._pools_timeout_ns = pools_timeout_ns
        self._cors_origins = cors_origins
        self._web_page = page
        self._read_once = functools.lru_cache(_QUERIES_KNOWN_MAX)(self._read_query)
        self._read_batch_once = functools.lru_cache(_BATCHES_KNOWN_MAX)(self._read_batch)
        self._access = access
        document = openapi_document(health.version, asks_tokens=access is not None and access.gate.asks_anything)
        self._openapi = orjson.dumps(document)
        self._token_api = TokenApi(tokens)
        self._labels = orjson.dumps(program_labels())
        self._page = openapi_page(document)

    def application(self) -> web.Application:
        """An application with every route of the OpenAPI document, that document, and the web page."""
        sharing = [shared_with(self._cors_origins)] if self._cors_origins else []
        asking = [admitting(self._access, ASKS)] if self._access is not None else []
        application = web.Application(
            middlewares=[*sharing, compressed, *asking, _errors_as_json], client_max_size=BODY_BYTES_MAX
        )
        application.add_routes(
            [
                *(web.get(f"{prefix}/quote", self.get_quote) for prefix in JUPITER_PREFIXES),
                *(web.get(f"{prefix}/program-id-to-label", self.get_labels) for prefix in JUPITER_PREFIXES),
                *(
                    web.post(f"{prefix}/{name}", self.post_swap)
                    for prefix in JUPITER_PREFIXES
                    for name in ("swap", "swap-instructions")
                ),
                *self._token_api.routes(),
                *swagger_routes(),
                web.post("/v1/quote/batch", self.post_batch),
                web.get("/v1/pools", self.get_pools),
                web.get("/v1/pools/{mint}", self.get_pools),
                web.get("/v1/health", self.get_health),
                web.get(METRICS_PATH, self.get_metrics),
                web.get("/openapi.json", self.get_openapi),
                web.get("/docs", self.get_page),
            ]
        )
        if self._web_page is not None:
            application.add_routes(self._web_page.routes())
            application.on_shutdown.append(self._close_page)
        return application

    async def _close_page(self, _: web.Application) -> None:
        assert self._web_page is not None
        self._web_page.close()

    async def get_quote(self, request: web.Request) -> web.Response:
        """One quote, asked for and answered in Jupiter's names."""
        started_ns = self._clock.mono_ns()
        query = request.rel_url.raw_query_string
        asked = (self._read_once if len(query) <= _QUERY_CHARACTERS_MAX else self._read_query)(query)
        answer = self._quote(asked, started_ns)
        if isinstance(answer, Coroutine):
            answer = await answer
        return _refused(answer) if isinstance(answer, Refusal) else _ready(answer)

    async def get_labels(self, request: web.Request) -> web.Response:
        """Jupiter's label of every DEX program known here."""
        return _ready(self._labels)

    async def post_swap(self, request: web.Request) -> web.Response:
        """501, with where to read what is offered instead."""
        what = f"{request.path}: transactions are not built here yet, {SWAP_PAGE} says what to do instead"
        answer = NotOfferedAnswer(error=what, error_code="UNIMPLEMENTED", docs=SWAP_PAGE)
        return _model(answer, HTTPStatus.NOT_IMPLEMENTED)

    async def post_batch(self, request: web.Request) -> web.Response:
        """Up to a hundred quotes; each is answered or refused by itself, in order."""
        started_ns = self._clock.mono_ns()
        answers = [self._quote(asked, started_ns) for asked in self._read_batch_once(await request.read())]
        late = iter(await asyncio.gather(*(answer for answer in answers if isinstance(answer, Coroutine))))
        told = (next(late) if isinstance(answer, Coroutine) else answer for answer in answers)
        each = (orjson.dumps(_error(answer)) if isinstance(answer, Refusal) else answer for answer in told)
        return _ready(b'{"quotes":[%b]}' % b",".join(each))

    async def get_pools(self, request: web.Request) -> web.Response:
        """All pools, or those of a mint."""
        mint = request.match_info.get("mint")
        if mint is not None:
            self._tokens.by_mint(mint, field="mint")
        pools = await self._local.pools(timeout_ns=self._pools_timeout_ns)
        return _model(
            PoolsAnswer(
                pools=[pool_answer(pool) for pool in pools if mint is None or mint in (pool.mint_a, pool.mint_b)]
            )
        )

    async def get_health(self, request: web.Request) -> web.Response:
        """200 while quotes are served, 503 while not."""
        report = self._health.report()
        return _model(health_answer(report), HTTPStatus.OK if report.is_serving else HTTPStatus.SERVICE_UNAVAILABLE)

    async def get_metrics(self, request: web.Request) -> web.Response:
        """Prometheus text, or OpenMetrics for whom prefers that."""
        return metrics_answer(self._metrics, request)

    async def get_openapi(self, request: web.Request) -> web.Response:
        """The OpenAPI document."""
        return _ready(self._openapi)

    async def get_page(self, request: web.Request) -> web.Response:
        """The document for people."""
        headers = {"Content-Security-Policy": PAGE_POLICY}
        return web.Response(text=self._page, content_type="text/html", headers=headers)

    def _quote(self, asked: _Asked | Refusal, started_ns: int) -> _Answer | Coroutine[Any, Any, _Answer]:
        """The answer, at once where nobody is waited for: a task costs as much as all else about a held quote."""
        if isinstance(asked, Refusal):
            return asked
        if asked.key is None:
            return self._told_later(self._fanout.local_alone(asked.wanted), asked.parameters, started_ns)
        row = self._rows.find(asked.key)
        if row is not None and not asked.parameters.platform_fee_bps:  # what is kept as bytes is without one
            held = self._held.told(row, asked.parameters, started_mono_ns=started_ns)
            if held is not None:
                return held
        merging = self._fanout.quote(asked.key, slippage_bps=asked.parameters.slippage_bps)
        return self._told_later(merging, asked.parameters, started_ns)

    async def _told_later(self, merging: Awaitable[Merged], asked: QuoteParameters, started_ns: int) -> _Answer:
        merged = await merging
        best = merged.best_quote
        if best is None:
            assert merged.refusal is not None, "neither a price nor a reason"
            return merged.refusal
        if best.is_stale:
            age_ms = best.freshness.age_ns(merged.at) // NS_PER_MS
            return Refusal("FAILED_PRECONDITION", f"quote: stale, the state behind it is {age_ms} ms old")
        now_ns = self._clock.mono_ns()
        return orjson.dumps(quote_answer(merged, asked, now_mono_ns=now_ns, started_mono_ns=started_ns))

    def _read_query(self, query: str) -> _Asked | Refusal:
        """A query as it came, as aiohttp itself would take it apart."""
        try:
            return self._read(_parameters(URL.build(query_string=query, encoded=True).query))
        except InvalidField as error:
            return refusal_of(error)

    def _read_batch(self, body: bytes) -> tuple[_Asked | Refusal, ...]:
        """A batch's requests.

        Raises:
            InvalidField: It is not JSON.
            ValidationError: It is no batch.
        """
        try:
            batch = BatchBody.model_validate(orjson.loads(body))
        except orjson.JSONDecodeError as error:
            raise InvalidField("body", f"is not JSON: {error}") from None
        return tuple(map(self._read, batch.quotes))

    def _read(self, asked_raw: Any) -> _Asked | Refusal:
        try:
            asked = QuoteParameters.model_validate(asked_raw)
            wanted = self._checked(asked)
        except (SolquoteError, ValidationError) as error:
            return refusal_of(error)
        return _Asked(asked, wanted, wanted.key)

    def _checked(self, asked: QuoteParameters) -> QuoteRequest:
        wanted = checked_quote_request(
            self._tokens,
            asked.input_mint,
            asked.output_mint,
            asked.amount,
            mode=SwapMode.EXACT_IN if asked.swap_mode == "ExactIn" else SwapMode.EXACT_OUT,
            dexes=asked.dexes,
            exclude_dexes=asked.exclude_dexes,
            max_hops=asked.max_hops,
            max_splits=asked.max_splits,
            max_accounts=asked.max_accounts,
            is_direct=asked.is_direct,
        )
        if asked.platform_fee_bps and wanted.mode is SwapMode.EXACT_OUT:
            raise InvalidField("platform_fee_bps", "must be 0 for a wanted output, of which nothing can be kept")
        return wanted


def _parameters(query: Mapping[str, str]) -> dict[str, str]:
    """A query as one text for each name.

    Raises:
        InvalidField: A name is there twice that may not.
    """
    parameters: dict[str, str] = {}
    for name, value in query.items():
        if name not in parameters:
            parameters[name] = value
        elif name in LIST_PARAMETERS:
            parameters[name] += f",{value}"
        else:
            raise InvalidField(name, "is given more than once")
    return parameters


@web.middleware
async def _errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (SolquoteError, ValidationError) as error:
        return _refused(refusal_of(error))
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        status = HTTPStatus(error.status)
        code = _OWN_CODES.get(status, "INVALID_ARGUMENT")
        answer = _json(_error(Refusal(code, f"{request.method} {request.path}: {error.reason}")), status)
        if hdrs.ALLOW in error.headers:
            answer.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        return answer


def _refused(refusal: Refusal) -> web.Response:
    return _json(_error(refusal), http_status(refusal.code))


def _error(refusal: Refusal) -> dict[str, str]:
    return error_answer(refusal.message, refusal.code)


def _model(answer: BaseModel, status: int = HTTPStatus.OK) -> web.Response:
    return _json(answer.model_dump(by_alias=True), status)


def _json(answer: Mapping[str, Any], status: int = HTTPStatus.OK) -> web.Response:
    return _ready(orjson.dumps(answer), status)


def _ready(body: bytes, status: int = HTTPStatus.OK) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")
