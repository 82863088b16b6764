"""However it is used, the cache keeps its bound and never answers with what was dropped."""

from hypothesis import given
from hypothesis import strategies as st

from local_quote.quote_cache import QuoteCache

PAIRS = st.sampled_from([("a", "b"), ("a", "c"), ("b", "c")])
STEPS = st.lists(
    st.tuples(st.just("put"), PAIRS, st.integers(0, 3)) | st.tuples(st.just("drop"), PAIRS, st.just(0)), max_size=40
)


@given(STEPS)
def test_what_it_finds_is_what_was_put_last_since_the_pair_was_dropped(
    steps: list[tuple[str, tuple[str, str], int]],
) -> None:
    cache: QuoteCache[int] = QuoteCache(ttl_ns=10**9, entry_count_max=4)
    expected: dict[tuple[tuple[str, str], int], int] = {}
    for position, (step, pair, key) in enumerate(steps):
        if step == "put":
            cache.put(pair, key, position, position)
            expected[pair, key] = position
        else:
            cache.invalidate(pair)
            expected = {place: value for place, value in expected.items() if place[0] != pair}
        assert len(cache) <= 4
    for (pair, key), value in expected.items():
        assert cache.get(pair, key, len(steps)) in (value, None)
    found_count = sum(cache.get(pair, key, len(steps)) is not None for pair, key in expected)
    assert found_count == len(cache)
