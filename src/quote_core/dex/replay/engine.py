"""Goes through a vector file: which rows in which order, and which check each one gets."""

from collections.abc import Iterable, Iterator
from typing import Final

from quote_core.dex.replay.rows import CheckedRow, Difference, FindPool, Row
from quote_core.dex.replay.swaps import SwapReplay
from quote_core.dex.replay.tables import RATE_CONVERSIONS, check_published_case, check_rate, check_table_row
from quote_core.errors import LayoutMismatch

__all__ = ["replay"]

_SINGLE_SOURCE: Final = "single-source"


def replay(document: object, find_pool: FindPool, *, name: str) -> Iterator[CheckedRow]:
    """Check every row of a vector file, in file order but with the steps of a sequence together.

    Args:
        document: The decoded JSON.
        find_pool: Where recorded pools come from.
        name: What to call the file in an error.

    Raises:
        LayoutMismatch: The file is not of the documented format, or of a DEX or table not supported here.
    """
    if not isinstance(document, dict) or not isinstance(document.get("vectors"), list):
        raise LayoutMismatch(name, "is not a vector file: it has no `vectors`")
    swaps = SwapReplay(find_pool)
    rows = [Row(document, index, vector) for index, vector in enumerate(document["vectors"])]
    for row in _with_sequences_together(rows):
        try:
            kind, differences = _check(row, swaps, find_pool)
        except (KeyError, TypeError, ValueError) as error:
            raise LayoutMismatch(
                f"{name}: vector {row.index}", f"is not of the documented format ({error!r})"
            ) from None
        yield CheckedRow(
            dex_label=row.dex_label,
            kind=kind,
            index=row.index,
            vector=row.vector,
            differences=tuple(differences),
            single_source=row.vector.get("confidence") == _SINGLE_SOURCE,
            older_binary_differs="binary_result" in row.vector,
        )


def _with_sequences_together(rows: Iterable[Row]) -> list[Row]:
    """Keep file order, except that a sequence's steps follow each other, by step, at the place of its first one."""
    first_index: dict[object, int] = {}

    def place(row: Row) -> tuple[int, int]:
        sequence = row.vector.get("sequence")
        if sequence is None:
            return row.index, 0
        return first_index.setdefault(sequence, row.index), int(row.vector["step"])

    return sorted(rows, key=place)


def _check(row: Row, swaps: "SwapReplay", find_pool: FindPool) -> tuple[str, list[Difference]]:
    """Give the row's kind and what differs."""
    vector = row.vector
    if "mode" in vector:
        return swaps.check(row)
    if "expectation" in vector:
        return "published case", check_published_case(row)
    kind = str(vector["kind"])
    if kind in RATE_CONVERSIONS:
        return kind, check_rate(row, find_pool)
    return kind, check_table_row(row)
