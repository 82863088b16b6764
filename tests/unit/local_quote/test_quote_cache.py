"""Responses by pair and amount."""

from local_quote.quote_cache import QuoteCache

PAIR, OTHER = ("a", "b"), ("a", "c")


def cache(**options: int) -> QuoteCache[str]:
    return QuoteCache(**{"ttl_ns": 100, "entry_count_max": 10, **options})


def test_what_was_put_is_found_until_its_time_is_over() -> None:
    held = cache()
    held.put(PAIR, 1, "quote", 1_000)
    assert held.get(PAIR, 1, 1_100) == "quote"
    assert held.get(PAIR, 1, 1_101) is None
    assert (held.hit_count, held.miss_count, held.hit_fraction) == (1, 1, 0.5)


def test_a_pool_update_drops_exactly_what_rests_on_its_pair() -> None:
    held = cache()
    held.put(PAIR, 1, "one", 0)
    held.put(PAIR, 2, "two", 0)
    held.put(OTHER, 1, "other", 0)
    held.invalidate(PAIR)
    assert [held.get(PAIR, 1, 0), held.get(PAIR, 2, 0), held.get(OTHER, 1, 0)] == [None, None, "other"]
    assert len(held) == 1


def test_when_full_the_one_unused_for_longest_leaves() -> None:
    held = cache(entry_count_max=2)
    held.put(PAIR, 1, "one", 0)
    held.put(PAIR, 2, "two", 0)
    held.get(PAIR, 1, 0)
    held.put(OTHER, 3, "three", 0)
    assert [held.get(PAIR, 1, 0), held.get(PAIR, 2, 0), held.get(OTHER, 3, 0)] == ["one", None, "three"]
    held.invalidate(PAIR)
    assert len(held) == 1


def test_putting_again_renews_value_and_time() -> None:
    held = cache()
    held.put(PAIR, 1, "old", 0)
    held.put(PAIR, 1, "new", 90)
    assert held.get(PAIR, 1, 150) == "new"
    assert len(held) == 1


def test_before_the_first_question_the_hit_rate_is_zero() -> None:
    assert cache().hit_fraction == 0.0
