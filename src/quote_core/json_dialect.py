"""The one dialect of our JSON, on every port and from every command: names in camelCase, errors of one shape.

Inside, a name is written as Python writes it; here it becomes Jupiter's. Values, and keys that are data rather than
names (a figure's words, a symbol), stay as they are. The quote API's models give the same names by themselves, because
its OpenAPI document is made from them. Standard library only: a stop is told through here.
"""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Verbatim", "camel_case", "error_answer", "json_text"]

_NAMES_HELD_MAX: Final = 4_096
"""The names in a journal of a million events are a few hundred."""


@dataclass(frozen=True, slots=True)
class Verbatim:
    """An object that is shown as its file has it, names and all."""

    content: Mapping[str, Any]


def json_text(value: Any) -> str:
    """One document on one line."""
    return json.dumps(_spoken(value))


def error_answer(sentence: str, code: str) -> dict[str, str]:
    """An error: a sentence for people, and a code that programs can rely on."""
    return {"error": sentence, "errorCode": code}


@functools.lru_cache(maxsize=_NAMES_HELD_MAX)
def camel_case(name: str) -> str:
    """`input_amount` as `inputAmount`; what is no name in snake_case is left alone."""
    if not _SNAKE_CASE.fullmatch(name):
        return name
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


_SNAKE_CASE: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")


def _spoken(value: Any) -> Any:
    match value:
        case Verbatim():
            return value.content
        case Mapping():
            return {camel_case(name): _spoken(content) for name, content in value.items()}
        case list() | tuple():
            return [_spoken(one) for one in value]
        case _:
            return value
