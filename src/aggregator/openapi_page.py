"""The OpenAPI document as a page: plain HTML made here, which asks nobody else for scripts, styles or fonts. Pure."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

__all__ = ["PAGE_POLICY", "openapi_page"]

PAGE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""Content-Security-Policy of the page: nothing is loaded, from here or elsewhere."""

_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1f;background:#fff}
code,h2{font-family:ui-monospace,monospace}h2{font-size:1.1rem;border-top:1px solid #ccc;padding-top:1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0}
tr+tr td{border-top:1px solid #eee}td code{overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){body{color:#e4e4e8;background:#17171a}tr+tr td,h2{border-color:#3a3a40}
a{color:#8ab4f8}}
"""
_SWAP: Final = """<h2 id="swap">Swaps</h2>
<p>Transactions are not built here yet: <code>/swap</code> and <code>/swap-instructions</code> answer 501.
Take the pools of a quote from <code>routePlan</code> (<code>ammKey</code>, by DEX in <code>label</code>) and build
the swap with that DEX's own SDK, or have Jupiter build it from a quote of its own.</p>"""
_RULES: Final = ("enum", "const", "default", "minimum", "maximum", "minItems", "maxItems", "pattern")


def openapi_page(document: Mapping[str, Any]) -> str:
    """All paths with their parameters and answers, and all schemas, of a document of `openapi_document`."""
    info = document["info"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>{escape(info['title'])} HTTP API</title><style>{_STYLE}</style>",
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['summary'])}. ",
        "The same as a document: <a href='/openapi.json'>openapi.json</a>; ",
        "to try out: <a href='/swagger'>Swagger UI</a>.</p>",
        *_operations(document["paths"]),
        _SWAP,
        "<h2>Schemas</h2>",
        *(part for name, schema in document["components"]["schemas"].items() for part in _schema(name, schema)),
    ]
    return "\n".join(parts)


def _operations(paths: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            yield f"<h2>{escape(method.upper())} {escape(path)}</h2><p>{escape(operation['summary'])}.</p>"
            parameters = operation.get("parameters", ())
            if parameters:
                yield "<table><tr><th>parameter<th>type<th>meaning</tr>"
                for one in parameters:
                    need = " (required)" if one["required"] else ""
                    yield _row(one["name"] + need, one["schema"], one.get("description", ""))
                yield "</table>"
            if "requestBody" in operation:
                yield f"<p>Body: {_content(operation['requestBody'])}</p>"
            yield "<table><tr><th>status<th>body<th>when</tr>"
            for status, answer in operation["responses"].items():
                said = escape(answer["description"])
                yield f"<tr><td>{escape(status)}<td>{_content(answer)}<td>{said}</tr>"
            yield "</table>"


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2 id='{escape(name)}'>{escape(name)}</h2><p>{escape(schema.get('description', ''))}</p>"
    if "properties" in schema:
        yield "<table><tr><th>field<th>type<th>meaning</tr>"
        for field, rules in schema["properties"].items():
            yield _row(field, rules, rules.get("description", ""))
        yield "</table>"


def _row(name: str, schema: Mapping[str, Any], meaning: str) -> str:
    rules = "".join(f"<br>{rule} <code>{escape(str(schema[rule]))}</code>" for rule in _RULES if rule in schema)
    return f"<tr><td><code>{escape(name)}</code><td>{_type(schema)}{rules}<td>{escape(meaning)}</tr>"


def _content(body: Mapping[str, Any]) -> str:
    kinds = body.get("content", {})
    return ", ".join(_type(kind["schema"]) if "schema" in kind else escape(name) for name, kind in kinds.items())


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "items" in schema:
        return f"array of {_type(schema['items'])}"
    return escape(str(schema.get("type", "any")))
