"""A row of a vector file, and what checking it gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from quote_core.dex.recorded import RecordedPool

__all__ = ["CheckedRow", "Difference", "FindPool", "Row", "compare"]

FindPool = Callable[[str, str], RecordedPool]
"""Gives a recorded pool by DEX label and file name without extension."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not as expected; both as text."""

    field: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One checked row: which, what differs, and the two marks that make a row doubtful."""

    dex_label: str
    kind: str
    index: int
    vector: Mapping[str, Any]
    differences: tuple[Difference, ...]
    single_source: bool
    older_binary_differs: bool


class Row:
    """One vector with what its file says for all of them."""

    def __init__(self, document: Mapping[str, Any], index: int, vector: Mapping[str, Any]) -> None:
        self.index = index
        self.vector = vector
        self.dex_label = str(vector.get("dex", document.get("dex")))


def compare(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[Difference]:
    """Compare what is expected with what came out, as text; a name that did not come out differs."""
    return [
        Difference(field, str(value), str(actual.get(field, "absent")))
        for field, value in expected.items()
        if str(value) != str(actual.get(field, "absent"))
    ]
