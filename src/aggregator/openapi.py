"""The OpenAPI document, made from the models the handlers use and from what the routes ask of who asks."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from aggregator import openapi_examples as examples
from aggregator.http_access import ASKS
from aggregator.http_models import (
    MINT_PATTERN,
    BatchAnswer,
    BatchBody,
    ErrorAnswer,
    HealthAnswer,
    PoolsAnswer,
    QuoteAnswer,
    QuoteParameters,
)
from aggregator.token_api import SEARCH_CHARACTERS_MAX, SEARCH_PATTERN, TAGS
from aggregator.token_models import TokenAnswer, TokenInformation
from quote_core.web.admission import API_KEY, OPEN

__all__ = ["JUPITER_PREFIXES", "SWAP_PAGE", "openapi_document"]

JUPITER_PREFIXES: Final = ("/v1", "", "/swap/v1", "/v6")
"""Where Jupiter's clients look: after our own path, at the root as self-hosted servers have it, and as the hosts of its
present and its former API."""

SWAP_PAGE: Final = "/docs#swap"

_INFO: Final = """\
Exact swap quotes of Solana's DEXes, in the shapes of Jupiter's API. Amounts are decimal text in the token's smallest \
unit. `POST /swap` and `/swap-instructions` answer 501: transactions are not built here yet."""
_REFUSALS: Final = {
    "400": "A field breaks a rule",
    "401": "A token is asked for, and none that is known was shown",
    "403": "The token does not allow this",
    "404": "A mint that is not registered",
    "413": "The body has more than 64 KiB",
    "422": "The market cannot fill it now: no pool, or a stale one",
    "429": "A rate limit, ours or a provider's",
    "502": "What a service answered cannot be a quote",
    "503": "No quote service answers",
    "504": "No answer in time",
}
_BY_WHO_ASKS: Final = ("401", "403", "429")
_OF_QUOTES: Final = ("429", "502", "503", "504")
_ANSWERS: Final = (QuoteAnswer, BatchAnswer, PoolsAnswer, HealthAnswer, ErrorAnswer, TokenAnswer, TokenInformation)
_REFERENCE: Final = "#/components/schemas/{model}"
_SCHEME: Final = "bearer"
_KEY_SCHEME: Final = "key"
_TAGS: Final = {
    "quotes": "What an amount brings, or costs",
    "tokens": "The registered tokens",
    "pools": "What quotes are made from",
    "service": "How it is, and what it offers",
    "at Jupiter's paths": "The same where Jupiter's clients look for it",
}
_ALIAS: Final = "at Jupiter's paths"

_Operation = dict[str, Any]


def openapi_document(version: str, *, asks_tokens: bool = True) -> Mapping[str, Any]:
    """The document of this build.

    Args:
        version: Of the build.
        asks_tokens: Whether the service asks who asks.
    """
    _, schemas = models_json_schema(
        [(model, "serialization") for model in _ANSWERS]
        + [(model, "validation") for model in (BatchBody, QuoteParameters)],
        ref_template=_REFERENCE,
    )
    paths: dict[str, dict[str, _Operation]] = {}
    for verb, path, operation in _operations(schemas["$defs"]["QuoteParameters"]):
        is_open = ASKS.get(f"{verb} {path}") is OPEN
        if asks_tokens and not is_open:
            operation["responses"] |= _refused(_BY_WHO_ASKS)
        operation["responses"] = dict(sorted(operation["responses"].items()))
        if asks_tokens:
            operation["security"] = [] if is_open else [{_SCHEME: []}, {_KEY_SCHEME: []}]
        paths.setdefault(path, {})[verb.lower()] = operation
    components: dict[str, Any] = {"schemas": schemas["$defs"]}
    if asks_tokens:
        told = "A token of the service's access file, with the scope `read`; `solquote token` makes one"
        components["securitySchemes"] = {
            _SCHEME: {"type": "http", "scheme": "bearer", "description": told},
            _KEY_SCHEME: {"type": "apiKey", "in": "header", "name": API_KEY, "description": "The same token"},
        }
    summary = "Swap quotes in Jupiter's shape, with confidence"
    return {
        "openapi": "3.1.0",
        "info": {"title": "solquote", "version": version, "summary": summary, "description": _INFO},
        "servers": [{"url": "/", "description": "Where this document is from"}],
        "tags": [{"name": name, "description": meaning} for name, meaning in _TAGS.items()],
        "paths": paths,
        "components": components,
    }


def _operations(quote_schema: Mapping[str, Any]) -> Iterator[tuple[str, str, _Operation]]:
    quotes, tokens, pools, service = (name for name in _TAGS if name != _ALIAS)
    yield from _at(JUPITER_PREFIXES, "/quote", lambda: _quote(quote_schema))
    yield from _at(JUPITER_PREFIXES, "/program-id-to-label", _labels)
    batch = _operation("getQuotes", quotes, "Up to 100 quotes; each is answered or refused by itself")
    batch["requestBody"] = {"required": True, "content": _json_of(_of(BatchBody), examples.BATCH)}
    each = {"quotes": [examples.QUOTE, examples.ERRORS["404"]]}
    yield "POST", "/v1/quote/batch", batch | _answers(_of(BatchAnswer), BatchAnswer, each, "400", "413")
    yield from _token_operations(tokens)
    every_pool = _operation("getPools", pools, "All pools")
    yield "GET", "/v1/pools", every_pool | _answers(_of(PoolsAnswer), PoolsAnswer, None, "503", "504")
    of_mint = _operation("getPoolsOfMint", pools, "The pools of a mint") | {"parameters": [_mint()]}
    refusals = ("400", "404", "503", "504")
    yield "GET", "/v1/pools/{mint}", of_mint | _answers(_of(PoolsAnswer), PoolsAnswer, None, *refusals)
    health = {"application/json": {"schema": _of(HealthAnswer)}}
    states = {"200": "Quotes are served", "503": "They are not"}
    answers = {status: {"description": said, "content": health} for status, said in states.items()}
    yield "GET", "/v1/health", _operation("getHealth", service, "How the service is") | {"responses": answers}
    yield "GET", "/metrics", _text("getMetrics", "Prometheus metrics", "text/plain")
    yield "GET", "/docs", _text("getReference", "This document as plain HTML", "text/html")
    yield "GET", "/openapi.json", _text("getDocument", "This document", "application/json")


def _token_operations(tag: str) -> Iterator[tuple[str, str, _Operation]]:
    every = {"type": "array", "items": _of(TokenAnswer)}
    informed = {"type": "array", "items": _of(TokenInformation)}
    mints = {"type": "array", "items": {"type": "string"}}
    one, several, mint_list = examples.TOKEN, [examples.TOKEN], examples.MINTS
    known = ", ".join(f"`{name}`" for name in TAGS)

    def listed() -> _Operation:
        described = f"Only those of one of these, separated by commas: {known}; empty = all"
        tags = _parameter("tags", {"type": "string", "default": ""}, described, required=False)
        operation = _operation("getTokens", tag, "The registered tokens") | {"parameters": [tags]}
        return operation | _answers(every, TokenAnswer, several, "400")

    def single() -> _Operation:
        operation = _operation("getToken", tag, "One registered token") | {"parameters": [_mint()]}
        return operation | _answers(_of(TokenAnswer), TokenAnswer, one, "400", "404")

    def tradable() -> _Operation:
        return _operation("getMints", tag, "The mints of the registered tokens") | _answers(
            mints, "Mints, in the registry's order.", mint_list, "400"
        )

    yield from _at(("/v1", ""), "/tokens", listed)
    yield from _at(("/tokens/v1", ""), "/token/{mint}", single)
    tagged = _parameter(
        "tag", {"type": "string", "minLength": 1}, f"One or several of {known}, by comma", "path", example=TAGS[1]
    )
    operation = _operation("getTaggedTokens", _ALIAS, "The registered tokens of some tags") | {"parameters": [tagged]}
    yield "GET", "/tokens/v1/tagged/{tag}", operation | _answers(every, TokenAnswer, several, "400")
    operation = _operation("getAllTokens", _ALIAS, "All registered tokens")
    yield "GET", "/tokens/v1/all", operation | _answers(every, TokenAnswer, several, "400")
    yield "GET", "/tokens/v1/mints/tradable", tradable()
    yield "GET", "/v6/tokens", _alias(tradable(), "V6")
    text = {"type": "string", "pattern": SEARCH_PATTERN, "maxLength": SEARCH_CHARACTERS_MAX}
    wanted = _parameter("query", text, "Part of a symbol, in any case, or mints separated by commas", example="SOL")
    operation = _operation("searchTokens", tag, "Registered tokens by symbol or mints") | {"parameters": [wanted]}
    told = [examples.TOKEN_INFORMATION]
    yield "GET", "/tokens/v2/search", operation | _answers(informed, TokenInformation, told, "400")
    wanted = _parameter("query", {"type": "string", "enum": list(TAGS)}, "The tag", example=TAGS[1])
    operation = _operation("getTokensOfTag", _ALIAS, "The registered tokens of a tag") | {"parameters": [wanted]}
    yield "GET", "/tokens/v2/tag", operation | _answers(informed, TokenInformation, told, "400")


def _quote(schema: Mapping[str, Any]) -> _Operation:
    operation = _operation("getQuote", "quotes", "One quote") | {"parameters": list(_query_parameters(schema))}
    return operation | _answers(_of(QuoteAnswer), QuoteAnswer, examples.QUOTE, "400", "404", "422", *_OF_QUOTES)


def _labels() -> _Operation:
    operation = _operation("getLabels", "service", "Jupiter's label of every DEX program known here")
    schema = {"type": "object", "additionalProperties": {"type": "string"}}
    return operation | _answers(schema, "Program id to label", examples.LABELS)


def _at(prefixes: Iterable[str], path: str, operation: Any) -> Iterator[tuple[str, str, _Operation]]:
    """An operation at its own path, and at those where Jupiter's clients look for it."""
    own, *others = prefixes
    yield "GET", f"{own}{path}", operation()
    for prefix in others:
        suffix = "".join(part.capitalize() for part in prefix.split("/")) or "AtRoot"
        yield "GET", f"{prefix}{path}", _alias(operation(), suffix)


def _alias(operation: _Operation, suffix: str) -> _Operation:
    return operation | {"operationId": f"{operation['operationId']}{suffix}", "tags": [_ALIAS]}


def _operation(operation_id: str, tag: str, summary: str) -> _Operation:
    return {"operationId": operation_id, "tags": [tag], "summary": summary}


def _query_parameters(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, field in schema["properties"].items():
        rules = {keyword: value for keyword, value in field.items() if keyword not in ("title", "description")}
        is_required = name in schema["required"]
        yield _parameter(name, rules, field["description"], required=is_required, example=examples.PARAMETERS.get(name))


def _mint() -> dict[str, Any]:
    schema = {"type": "string", "pattern": MINT_PATTERN}
    return _parameter("mint", schema, "Mint, base58", "path", example=examples.PARAMETERS["mint"])


def _parameter(
    name: str,
    schema: Mapping[str, Any],
    meaning: str,
    place: str = "query",
    *,
    required: bool = True,
    example: Any = None,
) -> dict[str, Any]:
    parameter = {"name": name, "in": place, "required": required, "description": meaning, "schema": dict(schema)}
    return parameter if example is None else parameter | {"example": example}


def _answers(schema: Mapping[str, Any], meaning: type[BaseModel] | str, example: Any, *refusals: str) -> _Operation:
    said = meaning if isinstance(meaning, str) else (meaning.__doc__ or "").strip()
    answered = {"200": {"description": said, "content": _json_of(schema, example)}}
    return {"responses": answered | _refused(refusals)}


def _refused(statuses: Iterable[str]) -> dict[str, Any]:
    return {
        status: {
            "description": _REFUSALS[status],
            "content": _json_of(_of(ErrorAnswer), examples.ERRORS[status]),
        }
        for status in statuses
    }


def _json_of(schema: Mapping[str, Any], example: Any = None) -> dict[str, Any]:
    content = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"application/json": content}


def _of(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def _text(operation_id: str, summary: str, content_type: str) -> _Operation:
    answers = {"200": {"description": "As it is now", "content": {content_type: {}}}}
    return _operation(operation_id, "service", summary) | {"responses": answers}
