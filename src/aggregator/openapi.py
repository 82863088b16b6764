"""The OpenAPI document, made from the models the handlers use."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

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

__all__ = ["JUPITER_PREFIXES", "SWAP_PAGE", "openapi_document"]

JUPITER_PREFIXES: Final = ("/v1", "", "/swap/v1")
"""Where Jupiter's clients look: after our own path, at the root as self-hosted servers have it, and as api.jup.ag."""

SWAP_PAGE: Final = "/docs#swap"

_REFUSALS: Final = {
    "400": "A field breaks a rule",
    "404": "A mint that is not registered",
    "422": "The market cannot fill it now: no pool, or a stale one",
    "429": "A rate limit, ours or a provider's",
    "503": "No quote service answers",
    "504": "No answer in time",
}
_ANSWERS: Final = (QuoteAnswer, BatchAnswer, PoolsAnswer, HealthAnswer, ErrorAnswer)
_REFERENCE: Final = "#/components/schemas/{model}"


def openapi_document(version: str) -> Mapping[str, Any]:
    """The document of this build."""
    _, schemas = models_json_schema(
        [(model, "serialization") for model in _ANSWERS]
        + [(model, "validation") for model in (BatchBody, QuoteParameters)],
        ref_template=_REFERENCE,
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "solquote", "version": version, "summary": "Swap quotes in Jupiter's shape, with confidence"},
        "paths": {
            **_jupiter_paths(schemas["$defs"]["QuoteParameters"]),
            "/v1/quote/batch": {
                "post": {
                    "summary": "Up to 100 quotes; each is answered or refused by itself",
                    "requestBody": {"required": True, "content": _json_of(BatchBody)},
                    "responses": _responses(BatchAnswer, "400"),
                }
            },
            "/v1/pools": {"get": {"summary": "All pools", "responses": _responses(PoolsAnswer, "503", "504")}},
            "/v1/pools/{mint}": {
                "get": {
                    "summary": "The pools of a mint",
                    "parameters": [
                        {
                            "name": "mint",
                            "in": "path",
                            "required": True,
                            "schema": {"type": "string", "pattern": MINT_PATTERN},
                        },
                    ],
                    "responses": _responses(PoolsAnswer, "400", "404", "503", "504"),
                }
            },
            "/v1/health": {
                "get": {
                    "summary": "How the service is",
                    "responses": {
                        "200": {"description": "Quotes are served", "content": _json_of(HealthAnswer)},
                        "503": {"description": "They are not", "content": _json_of(HealthAnswer)},
                    },
                }
            },
            "/metrics": {"get": {"summary": "Prometheus metrics", "responses": _text("text/plain")}},
            "/docs": {"get": {"summary": "This document as a page", "responses": _text("text/html")}},
            "/openapi.json": {"get": {"summary": "This document", "responses": _text("application/json")}},
        },
        "components": {"schemas": schemas["$defs"]},
    }


def _jupiter_paths(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What Jupiter's clients call, under every prefix they use."""
    quote = {
        "summary": "One quote",
        "parameters": _query_parameters(parameters),
        "responses": _responses(QuoteAnswer, *_REFUSALS),
    }
    labels = {"type": "object", "additionalProperties": {"type": "string"}}
    label = {"description": "Program id to label", "content": {"application/json": {"schema": labels}}}
    paths: dict[str, Any] = {}
    for prefix in JUPITER_PREFIXES:
        paths[f"{prefix}/quote"] = {"get": quote}
        paths[f"{prefix}/program-id-to-label"] = {
            "get": {"summary": "Jupiter's label of every DEX program known here", "responses": {"200": label}}
        }
    return paths


def _query_parameters(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    required = schema["required"]
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": field["description"],
            "schema": {keyword: value for keyword, value in field.items() if keyword not in ("title", "description")},
        }
        for name, field in schema["properties"].items()
    ]


def _responses(model: type[BaseModel], *refusals: str) -> dict[str, Any]:
    answered = {"200": {"description": (model.__doc__ or "").strip(), "content": _json_of(model)}}
    return answered | {
        status: {"description": _REFUSALS[status], "content": _json_of(ErrorAnswer)} for status in refusals
    }


def _json_of(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}}}


def _text(content_type: str) -> dict[str, Any]:
    return {"200": {"description": "As it is now", "content": {content_type: {}}}}
