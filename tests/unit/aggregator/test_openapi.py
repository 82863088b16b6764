"""The OpenAPI document: it is one, its examples are what it says, and it tells who may ask what."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from aggregator.http_access import ASKS
from aggregator.openapi import openapi_document
from quote_core.web.admission import OPEN

DOCUMENT = openapi_document("1.2.3")
VERBS = ("get", "post")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for verb, operation in methods.items():
            yield verb, path, operation


def check(value: Any, schema: Any) -> None:
    whole = {**schema, "components": DOCUMENT["components"]} if isinstance(schema, dict) else schema
    Draft202012Validator(whole).validate(value)


def test_every_operation_has_a_name_of_its_own_and_a_tag_that_is_told() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
    told = {tag["name"] for tag in DOCUMENT["tags"]}
    assert {tag for _, _, operation in operations() for tag in operation["tags"]} == told


@pytest.mark.parametrize(("verb", "path", "operation"), list(operations()))
def test_examples_fit_what_they_are_examples_of(verb: str, path: str, operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if "example" in parameter:
            check(parameter["example"], parameter["schema"])
        elif parameter["required"]:
            pytest.fail(f"{parameter['name']} has none")
    bodies = [*operation["responses"].values()]
    if "requestBody" in operation:
        bodies.append(operation["requestBody"])
    for body in bodies:
        for content in body["content"].values():
            if "example" in content:
                check(content["example"], content["schema"])


def test_what_is_not_open_asks_for_a_token_and_tells_how_it_refuses() -> None:
    assert DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for verb, path, operation in operations():
        is_open = ASKS.get(f"{verb.upper()} {path}") is OPEN
        assert operation["security"] == ([] if is_open else [{"bearer": []}, {"key": []}])
        assert ({"401", "403", "429"} <= set(operation["responses"])) != is_open


def test_where_nobody_is_asked_the_document_asks_nobody() -> None:
    document = openapi_document("1.2.3", asks_tokens=False)
    assert "securitySchemes" not in document["components"]
    for methods in document["paths"].values():
        for operation in methods.values():
            assert "security" not in operation
            assert not {"401", "403"} & set(operation["responses"])


def test_every_error_there_is_an_example_of_says_its_code() -> None:
    for _, _, operation in operations():
        for status, answer in operation["responses"].items():
            content = answer["content"].get("application/json", {})
            if content.get("schema", {}).get("$ref", "").endswith("/ErrorAnswer"):
                assert set(content["example"]) == {"error", "errorCode"}, status
