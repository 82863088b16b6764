"""The pools held as a graph of tokens, and a curve of what each gives, for route searches. Does no I/O.

A pool that changes is only noted; its curves are sampled when somebody next searches a route, so an update costs the
same whether or not anybody asks for routes.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from local_quote.pool_store import PoolEntry, PoolStore
from local_quote.route_curves import AMOUNTS, RouteCurves
from quote_core.dex.pool import ChainClock, Direction
from quote_core.errors import NotTradable
from quote_core.units import Pubkey

__all__ = ["PoolEdge", "RouteGraph"]

_NOTHING: Final = array("Q", bytes(8 * len(AMOUNTS)))


@dataclass(frozen=True, slots=True, eq=False)
class PoolEdge:
    """One direction of one pool, by its number in the curves."""

    number: int
    entry: PoolEntry
    pool_id: Pubkey
    direction: Direction
    mint_in: Pubkey
    mint_out: Pubkey


class RouteGraph:
    """Edges by number, two a pool as in `RouteCurves`, and by the mints between which they are."""

    def __init__(self, store: PoolStore) -> None:
        self._store = store
        self._outdated: set[Pubkey] = set()
        self._numbers: dict[Pubkey, int] = {}
        self._between: dict[tuple[Pubkey, Pubkey], list[PoolEdge]] = {}
        self._mints: dict[Pubkey, int] = {}
        self._gone: set[Pubkey] = set()
        self.curves = RouteCurves()
        self.entries: list[PoolEntry] = []
        self.edges: list[PoolEdge] = []

    def pools_changed(self, pool_ids: Iterable[Pubkey]) -> None:
        """Sample these pools anew when next needed."""
        self._outdated.update(pool_ids)

    def pool_removed(self, pool_id: Pubkey) -> None:
        """No route leads through this pool any more; its number is kept for when it is held again."""
        self._outdated.discard(pool_id)
        number = self._numbers.get(pool_id)
        if number is None:
            return
        self._gone.add(pool_id)
        for edge in self.edges[2 * number : 2 * number + 2]:
            self.curves.set_curve(edge.number, _NOTHING)
            self._between[edge.mint_in, edge.mint_out].remove(edge)

    def refresh(self, clock: ChainClock) -> None:
        """Sample what has changed, to be searched before the next update."""
        for pool_id in self._outdated:
            number = self._numbers.get(pool_id)
            if number is None:
                number = self._added(pool_id)
            elif pool_id in self._gone:
                self._held_again(pool_id, number)
            pool = self.entries[number].pool
            for edge, direction in enumerate(Direction, start=2 * number):
                try:
                    outputs = pool.sample(direction, AMOUNTS, clock)
                except NotTradable:
                    outputs = _NOTHING
                self.curves.set_curve(edge, outputs if isinstance(outputs, array) else array("Q", outputs))
        self._outdated.clear()

    def mint(self, mint: Pubkey) -> int | None:
        """The number of a token, if any pool holds it."""
        return self._mints.get(mint)

    def between(self, mint_in: Pubkey, mint_out: Pubkey) -> Sequence[PoolEdge]:
        """All edges from one token to another."""
        return self._between.get((mint_in, mint_out), ())

    def _added(self, pool_id: Pubkey) -> int:
        entry = self._store.entry(pool_id)
        assert entry is not None, pool_id
        pool = entry.pool
        mints = pool.mint_a, pool.mint_b
        one, other = (self._mints.setdefault(mint, len(self._mints)) for mint in mints)
        number = self._numbers[pool_id] = self.curves.add_pool(one, other)
        self.entries.append(entry)
        for edge in self._edges_of(entry, number):
            self.edges.append(edge)
            self._between.setdefault((edge.mint_in, edge.mint_out), []).append(edge)
        return number

    def _held_again(self, pool_id: Pubkey, number: int) -> None:
        entry = self._store.entry(pool_id)
        assert entry is not None, pool_id
        self._gone.remove(pool_id)
        self.entries[number] = entry
        for edge in self._edges_of(entry, number):
            self.edges[edge.number] = edge
            self._between[edge.mint_in, edge.mint_out].append(edge)

    @staticmethod
    def _edges_of(entry: PoolEntry, number: int) -> Iterator[PoolEdge]:
        pool = entry.pool
        for edge, direction in enumerate(Direction, start=2 * number):
            mint_in, mint_out = pool.mint_a, pool.mint_b
            if direction is Direction.B_TO_A:
                mint_in, mint_out = mint_out, mint_in
            yield PoolEdge(edge, entry, pool.address, direction, mint_in, mint_out)
