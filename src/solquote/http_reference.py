"""`python -m solquote.http_reference`: docs/http.md, from the OpenAPI document that the aggregator serves."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from aggregator.openapi import openapi_document
from solquote import coming_from_jupiter as jupiter

__all__ = ["http_reference"]

_HEAD: Final = """\
# HTTP reference

Of the aggregator's API, `http://127.0.0.1:8080` by default. It is served as an OpenAPI document at `/openapi.json` and
as a page at `/docs`; this is the same, made by `python -m solquote.http_reference`. Amounts are decimal text in the
token's smallest unit. At `/swagger` it can be tried out, in Swagger UI served from here. What a quote means, and which
status code says what, is in [quotes](quotes.md); the kill switch has an API of its own ([pipeline](pipeline.md)).
"""
_RULES: Final = ("enum", "const", "default", "minimum", "maximum", "minItems", "maxItems", "pattern")


def http_reference() -> str:
    """The page."""
    document = openapi_document("")
    parts = [_HEAD, *_coming_from_jupiter(), *_operations(document["paths"]), "## Schemas", ""]
    for name, schema in document["components"]["schemas"].items():
        parts += _schema(name, schema)
    return "\n".join(parts)


def _coming_from_jupiter() -> Iterator[str]:
    yield "## Coming from Jupiter"
    yield "A client changes its base address:"
    yield ""
    yield from _table(("Jupiter's", "here"), iter(jupiter.ADDRESSES))
    yield jupiter.CLIENT
    yield from _table(("parameter", "here", "difference"), iter(jupiter.PARAMETERS))
    yield from _table(("path", "here", "difference"), iter(jupiter.PATHS))
    yield jupiter.SWAPS


def _operations(paths: Mapping[str, Any]) -> Iterator[str]:
    for summary, places in _by_operation(paths).items():
        operation = places[0][2]
        yield f"## {summary}"
        yield ""
        yield ", ".join(f"`{method.upper()} {path}`" for path, method, _ in places)
        yield ""
        if parameters := operation.get("parameters"):
            yield from _table(
                ("parameter", "type", "rules", "meaning"),
                (
                    (
                        f"`{one['name']}`" + (", required" if one["required"] else ""),
                        _type(one["schema"]),
                        _rules(one["schema"]),
                        one.get("description", ""),
                    )
                    for one in parameters
                ),
            )
        if "requestBody" in operation:
            yield f"Body: {_content(operation['requestBody'])}."
            yield ""
        yield from _table(
            ("status", "body", "when"),
            (
                (status, _content(answer), " ".join(answer["description"].split()))
                for status, answer in operation["responses"].items()
            ),
        )


def _by_operation(paths: Mapping[str, Any]) -> dict[str, list[tuple[str, str, Any]]]:
    """One operation answers at several paths."""
    found: dict[str, list[tuple[str, str, Any]]] = {}
    for path, methods in paths.items():
        for method, operation in methods.items():
            found.setdefault(operation["summary"], []).append((path, method, operation))
    return found


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}"
    yield ""
    if meaning := " ".join(schema.get("description", "").split()):
        yield meaning
        yield ""
    if "properties" in schema:
        yield from _table(
            ("field", "type", "rules", "meaning"),
            (
                (f"`{field}`", _type(rules), _rules(rules), rules.get("description", ""))
                for field, rules in schema["properties"].items()
            ),
        )


def _table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _rules(schema: Mapping[str, Any]) -> str:
    return "; ".join(f"{rule} `{json.dumps(schema[rule])}`" for rule in _RULES if rule in schema)


def _content(body: Mapping[str, Any]) -> str:
    kinds = body.get("content", {})
    return ", ".join(_type(kind["schema"]) if "schema" in kind else f"`{name}`" for name, kind in kinds.items())


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "items" in schema:
        return f"array of {_type(schema['items'])}"
    return str(schema.get("type", "any"))


if __name__ == "__main__":
    sys.stdout.write(http_reference().rstrip() + "\n")
