"""The chain of swaps that brings most: the specification of `route_curves`, which finds it on curves, in C.

A swap's output never falls as its input grows, so of two ways to a token the one that brings more of it is the better
one whatever follows, and one best way a token is all that a hop has to hand on. Chains pass through a token once; a
circular one comes back to where it began, through other pools than it left by, for which two ways are kept. With more
than three hops one best way a token would not do: it may pass through a token that the rest of the route needs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from quote_core.quotes import HOP_COUNT_MAX
from quote_core.units import Pubkey

__all__ = ["Chain", "Edge", "Edges", "richest_chain"]


class Edge(Protocol):
    """One direction of one pool."""

    @property
    def pool_id(self) -> Pubkey:
        """The pool's address."""
        ...


E = TypeVar("E", bound=Edge)

Edges = Mapping[Pubkey, Mapping[Pubkey, Sequence[E]]]
"""By the mint that goes in and the one that comes out; every pool is in both directions."""


class Chain(NamedTuple, Generic[E]):
    """Swaps in their order, and what comes out at their end."""

    edges: tuple[E, ...]
    amount: int


def richest_chain(
    edges: Edges[E],
    source: Pubkey,
    target: Pubkey,
    amount: int,
    *,
    hop_count_max: int,
    output: Callable[[E, int], int],
) -> Chain[E] | None:
    """The chain of at most `hop_count_max` swaps, 1 to 3, that brings most; None where none brings anything.

    Args:
        edges: The pools.
        source: What goes in.
        target: What comes out; `source` for a circular route, which has at least two swaps.
        amount: Smallest units of `source`, above 0.
        hop_count_max: Most swaps.
        output: What an edge gives for an amount, 0 where it gives nothing.
    """
    assert 1 <= hop_count_max <= HOP_COUNT_MAX, hop_count_max
    ways_kept = 2 if source == target else 1
    best: Chain[E] | None = None
    ways: dict[Pubkey, list[Chain[E]]] = {source: [Chain((), amount)]}
    for _ in range(hop_count_max):
        further: dict[Pubkey, list[Chain[E]]] = {}
        for mint, before in ((mint, way) for mint, kept in ways.items() for way in kept):
            for neighbour, parallel in edges.get(mint, {}).items():
                for edge in parallel:
                    if any(edge.pool_id == passed.pool_id for passed in before.edges):
                        continue
                    after = Chain((*before.edges, edge), output(edge, before.amount))
                    if neighbour == target:
                        if after.amount > (best.amount if best else 0):
                            best = after
                    elif neighbour != source and after.amount > 0:
                        further.setdefault(neighbour, []).append(after)
        ways = {mint: sorted(reached, key=lambda way: -way.amount)[:ways_kept] for mint, reached in further.items()}
    return best
