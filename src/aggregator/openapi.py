"""The OpenAPI document, made from the models the handlers use."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from aggregator.http_models import (
    BatchAnswer,
    BatchBody,
    ErrorAnswer,
    HealthAnswer,
    PoolsAnswer,
    QuoteAnswer,
    QuoteParameters,
)

__all__ = ["openapi_document"]

_REFUSALS: Final = {
    "400": "A field breaks a rule",
    "404": "A mint that is not registered",
    "422": "The market cannot fill it now: no pool, or a stale one",
    "429": "A rate limit, ours or a provider's",
    "503": "No quote service answers",
    "504": "No answer in time",
}
_REFERENCE: Final = "#/components/schemas/{model}"


def openapi_document(version: str) -> Mapping[str, Any]:
    """The document of this build."""
    _, schemas = models_json_schema(
        [(model, "serialization") for model in (QuoteAnswer, BatchAnswer, PoolsAnswer, HealthAnswer, ErrorAnswer)]
        + [(model, "validation") for model in (BatchBody, QuoteParameters)],
        ref_template=_REFERENCE,
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "solquote", "version": version, "summary": "Swap quotes in Jupiter's shape, with confidence"},
        "paths": {
            "/v1/quote": {
                "get": {
                    "summary": "One quote",
                    "parameters": _query_parameters(schemas["$defs"]["QuoteParameters"]),
                    "responses": _responses(QuoteAnswer, *_REFUSALS),
                }
            },
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
                        {"name": "mint", "in": "path", "required": True, "schema": {"type": "string"}},
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
            "/openapi.json": {"get": {"summary": "This document", "responses": _text("application/json")}},
        },
        "components": {"schemas": schemas["$defs"]},
    }


def _query_parameters(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    required = schema["required"]
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
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
