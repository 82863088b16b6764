"""Reads vector files and recorded pools from disk, replays them, and counts what is equal and what is not.

The comparison itself is `quote_core.dex.replay`; this module finds files and tallies, the command prints.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from quote_core.dex.recorded import RecordedPool, parse_recorded_pool
from quote_core.dex.replay import CheckedRow, replay
from quote_core.errors import InvalidField, LayoutMismatch
from quote_core.json_dialect import Verbatim

__all__ = ["Report", "Tally", "verify_files"]

_POOLS_HELD_MAX: Final = 64


@dataclass(slots=True)
class Tally:
    """Counts of one DEX and kind; the last two are rows among the checked whose source is doubtful."""

    checked: int = 0
    different: int = 0
    single_source: int = 0
    older_binary_differs: int = 0

    @property
    def equal(self) -> int:
        """Rows without a difference."""
        return self.checked - self.different

    def add(self, row: CheckedRow) -> None:
        """Count one row."""
        self.checked += 1
        self.different += bool(row.differences)
        self.single_source += row.single_source
        self.older_binary_differs += row.older_binary_differs


@dataclass(slots=True)
class Report:
    """The result over all files; `different_rows` are all that differ, each with the file it is from."""

    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    different_rows: list[tuple[str, CheckedRow]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @property
    def checked(self) -> int:
        """Rows checked in all."""
        return sum(tally.checked for tally in self.tallies.values())

    @property
    def different(self) -> int:
        """Rows that differ in all."""
        return sum(tally.different for tally in self.tallies.values())

    def add(self, file_name: str, row: CheckedRow) -> None:
        """Take one row in."""
        self.tallies.setdefault((row.dex_label, row.kind), Tally()).add(row)
        if row.differences:
            self.different_rows.append((file_name, row))

    def as_json(self) -> dict[str, Any]:
        """Give the report as a JSON value."""
        return {
            "checked": self.checked,
            "equal": self.checked - self.different,
            "different": self.different,
            "tallies": [
                {
                    "dex": dex_label,
                    "kind": kind,
                    "checked": tally.checked,
                    "equal": tally.equal,
                    "different": tally.different,
                    "single_source": tally.single_source,
                    "older_binary_differs": tally.older_binary_differs,
                }
                for (dex_label, kind), tally in sorted(self.tallies.items())
            ],
            "different_rows": [
                {
                    "file": file_name,
                    "index": row.index,
                    "vector": Verbatim(row.vector),
                    "differences": [
                        {"field": one.field, "expected": one.expected, "actual": one.actual} for one in row.differences
                    ],
                }
                for file_name, row in self.different_rows
            ],
            "unreadable": self.unreadable,
        }


def verify_files(vector_paths: Iterable[Path], pools_dirs: Sequence[Path]) -> Report:
    """Replay every file; a file that cannot be read is reported and does not stop the others.

    Args:
        vector_paths: Vector files.
        pools_dirs: Where recorded pools lie, as `<dir>/<dex>/<pool_file>.json` or `<dir>/<pool_file>.json`.
    """
    report = Report()

    @lru_cache(maxsize=_POOLS_HELD_MAX)
    def find_pool(dex_label: str, pool_file: str) -> RecordedPool:
        return _find_pool(pools_dirs, dex_label, pool_file)

    for path in vector_paths:
        try:
            for row in replay(_read_json(path), find_pool, name=path.name):
                report.add(path.name, row)
        except (InvalidField, LayoutMismatch) as error:
            report.unreadable.append(str(error))
    return report


def _find_pool(pools_dirs: Sequence[Path], dex_label: str, pool_file: str) -> RecordedPool:
    for folder in pools_dirs:
        for path in (folder / dex_label / f"{pool_file}.json", folder / f"{pool_file}.json"):
            if path.is_file():
                return parse_recorded_pool(_read_json(path), name=str(path))
    searched = ", ".join(map(str, pools_dirs)) or "nowhere: no --pools given"
    raise LayoutMismatch(f"recorded pool {dex_label}/{pool_file}.json", f"was not found (looked in {searched})")


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InvalidField(str(path), f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise LayoutMismatch(str(path), f"is not JSON: {error}") from None
