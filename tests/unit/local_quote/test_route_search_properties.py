"""What is found is what pricing every chain finds, whatever the graph."""

from fakes.random_graphs import brought, every_chain, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st

from local_quote.route_search import richest_chain
from quote_core.quotes import HOP_COUNT_MAX

seeds = st.integers(0, 2**32)
sizes = st.tuples(st.integers(2, 8), st.integers(1, 30))
amounts = st.integers(1, 10**10)
hop_counts = st.integers(1, HOP_COUNT_MAX)
ends = st.sampled_from([("t0", "t1"), ("t0", "t0")])


@settings(max_examples=300, deadline=None)
@given(seeds, sizes, amounts, hop_counts, ends)
def test_no_chain_brings_more(
    seed: int, size: tuple[int, int], amount: int, hop_count_max: int, mints: tuple[str, str]
) -> None:
    edges = random_graph(seed, token_count=size[0], pool_count=size[1]).edges
    best = max((brought(chain, amount) for chain in every_chain(edges, *mints, hop_count_max)), default=0)
    found = richest_chain(
        edges, *mints, amount, hop_count_max=hop_count_max, output=lambda edge, given: edge.output(given)
    )
    assert (found.amount if found else 0) == best
    if found:
        assert brought(found.edges, amount) == best
        assert len({edge.pool_id for edge in found.edges}) == len(found.edges) <= hop_count_max
