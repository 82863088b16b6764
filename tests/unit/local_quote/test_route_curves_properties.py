"""Chains found on curves are as good as those found by pricing every chain; curves are what pools give."""

from array import array

import pytest
from fakes.random_graphs import PlainGraph, brought, curves_of, every_chain, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st

from local_quote.route_curves import AMOUNTS, RouteCurves
from quote_core.quotes import HOP_COUNT_MAX
from quote_core.units import BPS

seeds = st.integers(0, 2**32)
sizes = st.tuples(st.integers(2, 8), st.integers(1, 30))
amounts = st.integers(10**5, 10**11)
hop_counts = st.integers(1, HOP_COUNT_MAX)
ends = st.sampled_from([("t0", "t1"), ("t0", "t0")])


@settings(max_examples=500, deadline=None)
@given(seeds, sizes, amounts, hop_counts, ends)
def test_no_chain_brings_more_by_a_basis_point(
    seed: int, size: tuple[int, int], amount: int, hop_count_max: int, names: tuple[str, str]
) -> None:
    graph = random_graph(seed, token_count=size[0], pool_count=size[1])
    curves, edges, mints = curves_of(graph)
    best = max((brought(chain, amount) for chain in every_chain(graph.edges, *names, hop_count_max)), default=0)
    if not all(name in mints for name in names):
        assert best == 0
        return
    numbers, worth = curves.richest(
        mints[names[0]], mints[names[1]], amount, hop_count_max, bytes([1]) * (len(edges) // 2)
    )
    chain = [edges[number] for number in numbers]
    found = brought(chain, amount) if chain else 0
    assert len({edge.pool_id for edge in chain}) == len(chain) <= hop_count_max
    assert found <= best
    if best > 100 * BPS:  # of less a unit is more than a hundredth of a basis point, and points begin at 1,024
        assert found * BPS >= best * (BPS - 1)
        assert worth == pytest.approx(found, rel=1e-4)


@settings(max_examples=200, deadline=None)
@given(st.integers(10**6, 10**12), st.integers(10**6, 10**12), st.sampled_from([0, 25, 100]), amounts)
def test_a_curve_is_what_a_constant_product_pool_gives(
    reserve_in: int, reserve_out: int, fee: int, amount: int
) -> None:
    graph = PlainGraph()
    graph.add("p", ("t0", "t1"), (reserve_in, reserve_out), fee)
    curves, edges, _ = curves_of(graph)
    for number, edge in enumerate(edges):
        exact = edge.output(amount)
        if exact > 10**6:
            assert curves.output(number, amount) == pytest.approx(exact, rel=1e-5)


def test_a_pool_that_may_not_be_used_is_gone_around() -> None:
    graph = PlainGraph()
    graph.add("good", ("t0", "t1"), (10**12, 10**12), 1)
    graph.add("bad", ("t0", "t1"), (10**12, 10**12), 100)
    curves, edges, _ = curves_of(graph)
    good = next(number for number, edge in enumerate(edges) if edge.pool_id == "good" and edge.mint_in == "t0")
    usable = bytearray([1, 1])
    assert curves.richest(0, 1, 1e9, 1, usable)[0] == (good,)
    usable[good // 2] = 0
    assert [edges[number].pool_id for number in curves.richest(0, 1, 1e9, 1, usable)[0]] == ["bad"]
    assert curves.richest(0, 1, 1e9, 1, bytes(2)) == ((), 0.0)


def test_a_refused_amount_gives_nothing_and_nothing_is_known_outside_the_points() -> None:
    curves = RouteCurves()
    curves.add_pool(0, 1)
    curves.set_curve(0, array("Q", [amount if amount < 10**9 else 0 for amount in AMOUNTS]))
    assert curves.output(0, 10**8) == pytest.approx(10**8)
    assert (curves.output(0, 2 * 10**9), curves.output(0, 1.0), curves.output(0, 2.0**63)) == (0, 0, 0)
    assert curves.output(1, 10**8) == 0
    with pytest.raises(ValueError, match="no such edge"):
        curves.set_curve(2, array("Q", AMOUNTS))
    with pytest.raises(ValueError, match="one byte a pool"):
        curves.richest(0, 1, 1e9, 1, bytes(3))
