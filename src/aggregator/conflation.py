"""One subscriber's mark: which of its rows it has yet to be told. Pure.

Bounded by the subscriber's own rows: a row that changes ten times while the subscriber is slow is told once, with its
newest value. What has waited longest is told first.
"""

from collections.abc import Iterable, Mapping

__all__ = ["Conflation"]


class Conflation:
    """Pending rows, oldest first."""

    def __init__(self, rows: Iterable[int]) -> None:
        self._rows = frozenset(rows)
        self._pending: dict[int, None] = {}
        self._told_since_sweep: set[int] = set()
        self.conflated_count = 0
        """Changes never told because a newer one came first."""

    @property
    def rows(self) -> frozenset[int]:
        """All rows the subscriber follows."""
        return self._rows

    def __bool__(self) -> bool:
        return bool(self._pending)

    def offer(self, changed: Iterable[int]) -> bool:
        """Note changes; tell whether anything is pending now."""
        for row in self._rows.intersection(changed):
            if row in self._pending:
                self.conflated_count += 1
            else:
                self._pending[row] = None
        return bool(self._pending)

    def take(self, count_max: int) -> tuple[int, ...]:
        """Remove and give up to `count_max` rows, those waiting longest first."""
        taken = tuple(row for row, _ in zip(self._pending, range(count_max), strict=False))
        for row in taken:
            del self._pending[row]
        self._told_since_sweep.update(taken)
        return taken

    def move(self, moved: Mapping[int, int | None]) -> None:
        """Follow rows under their new numbers; those without one are followed no more."""
        renamed = {row: moved.get(row, row) for row in (*self._rows, *self._pending)}
        self._rows = frozenset(row for row in renamed.values() if row is not None)
        self._pending = {new: None for row in self._pending if (new := renamed[row]) is not None}
        self._told_since_sweep = {new for row in self._told_since_sweep if (new := renamed.get(row, row)) is not None}

    def sweep(self) -> None:
        """Make every row pending that was not told since the last sweep: the refresh of unchanged quotes."""
        for row in sorted(self._rows - self._told_since_sweep):
            self._pending.setdefault(row)
        self._told_since_sweep.clear()
