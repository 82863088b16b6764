"""Whose turn it is."""

from collections import Counter

import pytest
from fakes.fake_clock import FakeClock
from fakes.provider_quotes import KEY, FakeProvider, S, answers_kept, guard, shared_quotes
from hypothesis import given
from hypothesis import strategies as st

from external_quote.provider_ranks import ProviderRanks, read_ranks
from external_quote.quoter import ProviderQuoter
from external_quote.split_cache import SplitCache
from quote_core.errors import ProviderUnavailable
from quote_core.resilience import Party

NAMES = ("jupiter", "quicknode", "dflow", "okx")
_weights = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 20), min_size=1)


@pytest.mark.parametrize(
    ("text", "ranks"),
    [
        ("jupiter", ({"jupiter": 1},)),
        ("jupiter*3 + quicknode , dflow", ({"jupiter": 3, "quicknode": 1}, {"dflow": 1})),
    ],
)
def test_ranks_are_read(text: str, ranks: tuple[dict[str, int], ...]) -> None:
    assert read_ranks(text) == ranks


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "must be names"),
        ("jupiter,", "must be names"),
        ("jupiter*0", "must be names"),
        ("jupiter*-1", "must be names"),
        ("jupiter*1001", "at most 1000"),
        ("jupiter*1.5", "must be names"),
        ("jupiter, dflow+jupiter", "names jupiter twice"),
        ("x" * 5_000 + "!", "must be names"),
    ],
)
def test_what_is_no_ranks_is_refused_by_its_rule(text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as refused:
        read_ranks(text)
    assert len(str(refused.value)) < 200


@given(weights=_weights, rounds=st.integers(1, 3))
def test_of_a_round_each_gets_its_weights_share_spread_evenly(weights: dict[str, int], rounds: int) -> None:
    clock = FakeClock()
    ranks = ProviderRanks([[(guard(FakeProvider(name), clock), weight) for name, weight in weights.items()]])
    total, asked = sum(weights.values()), []
    for number in range(total * rounds):
        chosen = next(ranks.in_turn())
        ranks.asked(chosen)
        asked.append(chosen.name)
        for name, weight in weights.items():  # never a whole turn ahead or behind
            assert abs(asked.count(name) - (number + 1) * weight / total) < len(weights)
    assert Counter(asked) == {name: weight * rounds for name, weight in weights.items()}


def test_the_next_rank_is_asked_after_all_of_this_one() -> None:
    clock = FakeClock()
    first, second, third = (guard(FakeProvider(name), clock) for name in NAMES[:3])
    ranks = ProviderRanks([[(first, 1), (second, 2)], [], [(third, 9)]])
    assert ranks.guards == (first, second, third)
    assert list(ranks.in_turn()) == [second, first, third]
    ranks.asked(second)
    assert list(ranks.in_turn()) == [first, second, third]


async def test_one_without_leave_is_passed_over_and_keeps_its_turn() -> None:
    clock, providers = FakeClock(), [FakeProvider(name) for name in NAMES[:3]]
    first, second, third = (guard(one, clock, rate_per_s=0.1, burst_count=2) for one in providers)
    cache = SplitCache(price_ttl_ns=0, route_ttl_ns=30 * S, stale_after_ns=60 * S, count_max=100, clock=clock)
    ranks = ProviderRanks([[(first, 1), (second, 1)], [(third, 1)]])
    quoter = ProviderQuoter(
        ranks,
        cache,
        shared_quotes(cache, clock),
        clock=clock,
        request_timeout_ns=2 * S,
        paired_timeout_ns=S,
        answers=answers_kept(),
    )

    async def answered_by() -> str:
        clock.advance_ns(1)
        return (await quoter.quote(KEY, party=Party.ON_DEMAND, slippage_bps=50, timeout_ns=None)).provider

    await first.reserve(Party.ON_DEMAND, 2)  # it has none left
    assert [await answered_by() for _ in range(3)] == ["quicknode", "quicknode", "dflow"]
    clock.advance_ns(10 * S)
    assert await answered_by() == "jupiter"


async def test_one_that_fails_is_passed_over_while_its_circuit_is_open() -> None:
    clock, providers = FakeClock(), [FakeProvider(name) for name in NAMES[:2]]
    guards = [guard(one, clock, rate_per_s=100, burst_count=100, failure_count_max=1) for one in providers]
    cache = SplitCache(price_ttl_ns=0, route_ttl_ns=30 * S, stale_after_ns=60 * S, count_max=100, clock=clock)
    ranks = ProviderRanks([[(one, 1) for one in guards]])
    quoter = ProviderQuoter(
        ranks,
        cache,
        shared_quotes(cache, clock),
        clock=clock,
        request_timeout_ns=2 * S,
        paired_timeout_ns=S,
        answers=answers_kept(),
    )
    providers[0].errors = [ProviderUnavailable("jupiter", "answered 500")] * 9
    with pytest.raises(ProviderUnavailable):
        await quoter.quote(KEY, party=Party.ON_DEMAND, slippage_bps=50, timeout_ns=None)
    for _ in range(5):
        clock.advance_ns(1)
        quote = await quoter.quote(KEY, party=Party.ON_DEMAND, slippage_bps=50, timeout_ns=None)
        assert quote.provider == "quicknode"
