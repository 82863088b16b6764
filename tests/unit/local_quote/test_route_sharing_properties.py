"""What a split brings is, but for a basis point, what the best of all splits brings."""

from collections.abc import Sequence

import pytest
from fakes.random_graphs import (
    PlainEdge,
    PlainGraph,
    best_split,
    brought,
    brought_by_split,
    curves_of,
    every_chain,
    random_graph,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from local_quote.route_sharing import split_chains
from quote_core.quotes import HOP_COUNT_MAX, LEG_COUNT_MAX
from quote_core.units import BPS

seeds = st.integers(0, 2**32)
sizes = st.tuples(st.integers(2, 5), st.integers(2, 9))
amounts = st.integers(10**5, 10**11)
hop_counts = st.integers(1, HOP_COUNT_MAX)
leg_counts = st.integers(2, LEG_COUNT_MAX)
ends = st.sampled_from([("t0", "t1"), ("t0", "t0")])
CHAIN_COUNT_MAX = 12
"""With more the reference takes a while."""

Legs = list[tuple[Sequence[PlainEdge], int]]


def split(
    graph: PlainGraph, mints: tuple[str, str], amount: int, hops: int, legs: int, *, step_percent: int
) -> tuple[Legs, list[int]]:
    """The chains found with their parts of the amount, and with their percents."""
    curves, edges, numbers = curves_of(graph)
    found = split_chains(
        curves,
        *(numbers.get(mint, len(numbers)) for mint in mints),
        amount,
        hop_count_max=hops,
        leg_count_max=legs,
        step_percent=step_percent,
        usable=bytes([1]) * (len(edges) // 2),
    )
    parts = [amount * percent // 100 for _, percent in found]
    chains = [[edges[number] for number in numbers_] for numbers_, _ in found]
    return list(zip(chains, parts, strict=True)), [percent for _, percent in found]


@settings(max_examples=150, deadline=None)
@given(seeds, sizes, amounts, hop_counts, leg_counts, ends)
def test_no_split_brings_more_by_a_basis_point(
    seed: int, size: tuple[int, int], amount: int, hops: int, legs: int, mints: tuple[str, str]
) -> None:
    graph = random_graph(seed, token_count=size[0], pool_count=size[1])
    chains = list(every_chain(graph.edges, *mints, hops))
    assume(1 <= len(chains) <= CHAIN_COUNT_MAX)
    best = best_split(chains, amount, leg_count_max=legs, step_percent=10)
    assume(best > 100 * BPS)  # of less a unit is more than a hundredth of a basis point
    assume(mints[0] != mints[1] or best > amount // 2)  # nobody goes round to lose half
    found, percents = split(graph, mints, amount, hops, legs, step_percent=10)
    assert 1 <= len(found) <= legs
    assert sum(percents) == 100
    assert brought_by_split(found) * BPS >= best * (BPS - 1)


@settings(max_examples=200, deadline=None)
@given(seeds, sizes, amounts, hop_counts, leg_counts, ends, st.sampled_from([1, 2, 5, 10]))
def test_a_split_brings_no_less_than_its_best_chain_alone_and_finer_steps_no_less_than_coarse_ones(
    seed: int, size: tuple[int, int], amount: int, hops: int, legs: int, mints: tuple[str, str], step: int
) -> None:
    graph = random_graph(seed, token_count=size[0], pool_count=size[1])
    whole = max((brought(chain, amount) for chain in every_chain(graph.edges, *mints, hops)), default=0)
    assume(whole > 100 * BPS)
    coarse = brought_by_split(split(graph, mints, amount, hops, legs, step_percent=10)[0])
    fine = brought_by_split(split(graph, mints, amount, hops, legs, step_percent=step)[0])
    assert coarse * BPS >= whole * (BPS - 1)
    assert fine * BPS >= coarse * (BPS - 1)


def test_two_equal_pools_share_evenly_and_a_third_takes_what_its_size_allows() -> None:
    graph = PlainGraph()
    for name, size in (("p", 10**12), ("q", 10**12), ("r", 5 * 10**11)):
        graph.add(name, ("t0", "t1"), (size, size), 25)
    found, percents = split(graph, ("t0", "t1"), 10**11, 1, 3, step_percent=1)
    assert {chain[0].pool_id: percent for (chain, _), percent in zip(found, percents, strict=True)} == {
        "p": 40,
        "q": 40,
        "r": 20,
    }


def test_chains_share_a_pool_where_only_their_ends_are_shallow() -> None:
    graph = PlainGraph()
    graph.add("deep", ("t0", "t1"), (10**14, 10**14), 1)
    for name in ("p", "q"):
        graph.add(name, ("t1", "t2"), (10**12, 10**12), 25)
    found, percents = split(graph, ("t0", "t2"), 10**11, 2, 2, step_percent=1)
    assert [chain[0].pool_id for chain, _ in found] == ["deep", "deep"]
    assert sorted(chain[1].pool_id for chain, _ in found) == ["p", "q"]
    assert percents == [50, 50]


@pytest.mark.parametrize("mints", [("t0", "t9"), ("t9", "t0"), ("t9", "t9")])
def test_a_token_of_no_pool_is_on_no_way(mints: tuple[str, str]) -> None:
    graph = PlainGraph()
    graph.add("p", ("t0", "t1"), (10**12, 10**12), 25)
    assert split(graph, mints, 10**9, 3, 3, step_percent=1) == ([], [])
