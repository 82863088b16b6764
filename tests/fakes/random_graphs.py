"""Graphs of constant-product pools for route searches, and every route of them, priced: the exhaustive reference."""

import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations

from local_quote.route_curves import AMOUNTS, RouteCurves
from local_quote.route_search import Edges
from quote_core.units import Pubkey


@dataclass(frozen=True, eq=False)
class PlainEdge:
    """One direction of a pool with these reserves and a fee in basis points, rounded against the trader."""

    pool_id: Pubkey
    mint_in: Pubkey
    mint_out: Pubkey
    reserve_in: int
    reserve_out: int
    fee_bps: int

    def output(self, amount: int) -> int:
        net = amount - -(-amount * self.fee_bps // 10_000)
        return self.reserve_out * net // (self.reserve_in + net) if net > 0 else 0


@dataclass
class PlainGraph:
    """Tokens t0, t1, ... and pools between them."""

    edges: dict[Pubkey, dict[Pubkey, list[PlainEdge]]] = field(default_factory=dict)

    def add(self, name: str, mints: tuple[str, str], reserves: tuple[int, int], fee_bps: int) -> None:
        for one, other in ((0, 1), (1, 0)):
            edge = PlainEdge(
                Pubkey(name), Pubkey(mints[one]), Pubkey(mints[other]), reserves[one], reserves[other], fee_bps
            )
            self.edges.setdefault(edge.mint_in, {}).setdefault(edge.mint_out, []).append(edge)


def random_graph(seed: int, *, token_count: int, pool_count: int) -> PlainGraph:
    """Prices of tokens are near a common value, so that longer ways are worth looking at, and sizes far apart."""
    draw, graph = random.Random(seed), PlainGraph()
    values = [draw.uniform(0.5, 2) for _ in range(token_count)]
    for number in range(pool_count):
        one, other = draw.sample(range(token_count), 2)
        size = 10 ** draw.uniform(7, 11)
        off = draw.uniform(0.99, 1.01)
        reserves = round(size / values[one]), round(size / values[other] * off)
        graph.add(f"p{number}", (f"t{one}", f"t{other}"), reserves, draw.choice((1, 4, 25, 30, 100)))
    return graph


def every_chain(
    edges: Edges[PlainEdge], source: str, target: str, hop_count_max: int, so_far: tuple[PlainEdge, ...] = ()
) -> Iterator[tuple[PlainEdge, ...]]:
    """All chains that pass through a token and a pool once; the end may be the beginning."""
    mint = so_far[-1].mint_out if so_far else Pubkey(source)
    if so_far and mint == target:
        yield so_far
        return
    if len(so_far) == hop_count_max:
        return
    passed = {edge.mint_in for edge in so_far}
    for neighbour, parallel in edges.get(mint, {}).items():
        if neighbour not in passed or neighbour == target:
            for edge in parallel:
                if all(edge.pool_id != before.pool_id for before in so_far):
                    yield from every_chain(edges, source, target, hop_count_max, (*so_far, edge))


def brought(chain: Sequence[PlainEdge], amount: int) -> int:
    for edge in chain:
        amount = edge.output(amount)
    return amount


def brought_by_split(legs: Sequence[tuple[Sequence[PlainEdge], int]]) -> int:
    """What chains bring one after the other, each with its amount; a shared pool gives the second what is left.

    0 where one brings nothing, or goes the other way through a pool.
    """
    inside: dict[Pubkey, tuple[PlainEdge, int]] = {}
    total = 0
    for chain, share in legs:
        amount = share
        for edge in chain:
            before = inside.get(edge.pool_id, (edge, 0))
            if before[0] is not edge:
                return 0
            inside[edge.pool_id] = edge, before[1] + amount
            amount = edge.output(before[1] + amount) - edge.output(before[1])
            if amount <= 0:
                return 0
        total += amount
    return total


def best_split(chains: Sequence[tuple[PlainEdge, ...]], amount: int, *, leg_count_max: int, step_percent: int) -> int:
    """What the best of all splits brings: every choice of chains, every sharing out among them, in every order."""
    best = 0
    for count in range(1, leg_count_max + 1):
        for choice in combinations(chains, count):
            for shares in sharings(100 // step_percent, count):
                parts = [amount * share * step_percent // 100 for share in shares]
                legs = list(zip(choice, parts, strict=True))
                pools = [edge.pool_id for chain in choice for edge in chain]
                orders = permutations(legs) if len(pools) > len(set(pools)) else [legs]
                best = max(best, *map(brought_by_split, orders), 0)
    return best


def sharings(step_count: int, leg_count: int) -> Iterator[tuple[int, ...]]:
    """All ways to share steps out, each leg at least one."""
    if leg_count == 1:
        yield (step_count,)
        return
    for first in range(1, step_count - leg_count + 2):
        for rest in sharings(step_count - first, leg_count - 1):
            yield first, *rest


def curves_of(graph: PlainGraph) -> tuple[RouteCurves, list[PlainEdge], dict[Pubkey, int]]:
    """The graph as curves, its edges by their numbers, and the numbers of its tokens."""
    every = [edge for lists in graph.edges.values() for edges in lists.values() for edge in edges]
    mints = {mint: number for number, mint in enumerate(sorted({edge.mint_in for edge in every}))}
    curves, numbered = RouteCurves(), list[PlainEdge]()
    for edge in every:
        if all(edge.pool_id != known.pool_id for known in numbered):
            back = next(other for other in every if other.pool_id == edge.pool_id and other is not edge)
            curves.add_pool(mints[edge.mint_in], mints[edge.mint_out])
            numbered += [edge, back]
    for number, edge in enumerate(numbered):
        curves.set_curve(number, array("Q", map(edge.output, AMOUNTS)))
    return curves, numbered, mints
