"""Which pools are due, and how they share requests."""

import pytest
from fakes.plain_pool import PlainPool
from hypothesis import given
from hypothesis import strategies as st

from local_quote.poll_plan import PollPlan, pack
from local_quote.pool_store import Doubt, PoolEntry
from quote_core.dex.pool import Dex
from quote_core.quotes import Provenance

S = 1_000_000_000


def entry(name: str, *, dex: Dex = Dex.RAYDIUM_CPMM, is_loaded: bool = True, doubt: Doubt | None = None) -> PoolEntry:
    pool = PlainPool(name, "A", "B", dex=dex)
    if is_loaded:
        for update in pool.updates(1, 1, slot=1, mono_ns=1):
            pool.apply(update.pubkey, update.account)
    accounts = (pool.address, pool.vault_a, pool.vault_b)
    return PoolEntry(pool, ("A", "B"), Provenance.CHAIN, accounts=accounts, doubt=doubt)


@pytest.fixture
def plan() -> PollPlan:
    return PollPlan(amm_interval_ns=S, clmm_interval_ns=30 * S, clmm_event_driven_interval_ns=5 * S)


def due(plan: PollPlan, entries: list[PoolEntry], now_s: float, *, event_driven: bool = False) -> list[str]:
    return [one.pool.address for one in plan.due(entries, round(now_s * S), event_driven=event_driven)]


def test_a_pool_never_read_is_due_at_once(plan: PollPlan) -> None:
    assert due(plan, [entry("p")], 0) == ["p"]


@pytest.mark.parametrize(
    ("dex", "event_driven", "interval_s"),
    [
        (Dex.RAYDIUM_AMM_V4, False, 1),
        (Dex.RAYDIUM_CPMM, True, 1),
        (Dex.PUMPSWAP, False, 1),
        (Dex.RAYDIUM_CLMM, False, 30),
        (Dex.ORCA_WHIRLPOOL, True, 5),
        (Dex.METEORA_DLMM, True, 5),
    ],
)
def test_each_kind_of_pool_has_its_interval(plan: PollPlan, dex: Dex, event_driven: bool, interval_s: int) -> None:
    entries = [entry("p", dex=dex)]
    plan.polled(entries, 100 * S)
    assert due(plan, entries, 100 + interval_s - 0.001, event_driven=event_driven) == []
    assert due(plan, entries, 100 + interval_s, event_driven=event_driven) == ["p"]


def test_pools_somebody_follows_are_read_closely_even_without_a_feed(plan: PollPlan) -> None:
    """Nothing else vouches for them; at the long interval they would be stale five sixths of the time."""
    entries = [entry("p", dex=Dex.RAYDIUM_CLMM)]
    plan.polled(entries, 100 * S)
    assert plan.due(entries, 105 * S, event_driven=False) == []
    assert plan.due(entries, 105 * S, event_driven=False, is_wanted=lambda _: True) == entries


def test_a_pool_in_doubt_is_read_at_once_then_ever_less_often_but_every_second(plan: PollPlan) -> None:
    entries = [entry("p", dex=Dex.RAYDIUM_CLMM, doubt=Doubt.REFUSED)]
    now_ms = 100_000
    pauses_ms = []
    for _ in range(7):
        plan.polled(entries, now_ms * 1_000_000)
        polled_ms = now_ms
        while not due(plan, entries, now_ms / 1_000):
            now_ms += 50
        pauses_ms.append(now_ms - polled_ms)
    assert pauses_ms == [100, 200, 400, 800, 1_000, 1_000, 1_000]


def polls_within(
    plan: PollPlan, one: PoolEntry, span_s: int, *, is_answered: bool = True, is_wanted: bool = False
) -> int:
    """How often the pool is read by a loop that looks ten times a second."""
    poll_count = 0
    for tick in range(10 * span_s):
        if is_wanted:
            plan.hurry(one.pool.address)
        if due(plan, [one], tick / 10):
            plan.polled([one], tick * S // 10)
            poll_count += 1
            if not is_answered:
                plan.unanswered([one])
    return poll_count


@pytest.mark.parametrize(("dex", "poll_count_max"), [(Dex.RAYDIUM_CPMM, 63), (Dex.RAYDIUM_CLMM, 9)])
def test_a_pool_that_cannot_be_loaded_is_read_ever_seldomer(plan: PollPlan, dex: Dex, poll_count_max: int) -> None:
    unloaded = entry("p", dex=dex, is_loaded=False)
    assert 4 <= polls_within(plan, unloaded, 60) <= poll_count_max


def test_quotes_asked_for_do_not_hurry_what_cannot_be_loaded(plan: PollPlan) -> None:
    assert polls_within(plan, entry("p", dex=Dex.RAYDIUM_CLMM, is_loaded=False), 60, is_wanted=True) <= 9


def test_quotes_asked_for_do_not_hurry_what_was_read_just_now(plan: PollPlan) -> None:
    assert polls_within(plan, entry("p", dex=Dex.RAYDIUM_CLMM), 60, is_wanted=True) <= 121


def test_a_pool_is_read_soon_when_the_node_answers_again(plan: PollPlan) -> None:
    unloaded = entry("p", dex=Dex.RAYDIUM_CLMM, is_loaded=False)
    polls_within(plan, unloaded, 60, is_answered=False)
    assert due(plan, [unloaded], 60.25) == ["p"]


def test_a_pool_that_asks_for_further_accounts_is_read_at_once(plan: PollPlan) -> None:
    unloaded = entry("p", dex=Dex.RAYDIUM_CLMM, is_loaded=False)
    plan.polled([unloaded], 100 * S)
    assert due(plan, [unloaded], 100.001) == []
    unloaded.accounts += ("p-array",)
    assert due(plan, [unloaded], 100.001) == ["p"]


def test_a_hurried_pool_goes_first_then_those_waiting_longest(plan: PollPlan) -> None:
    entries = [entry(name) for name in ("a", "b", "c")]
    a, b, c = entries
    plan.polled([b], 10 * S)
    plan.polled([a], 11 * S)
    plan.polled([c], round(11.5 * S))
    plan.hurry("c")
    assert due(plan, entries, 12) == ["c", "b", "a"]
    plan.polled([c], 12 * S)
    assert due(plan, entries, 12) == ["b", "a"]


def test_pools_are_packed_whole_and_shared_accounts_once() -> None:
    assert pack([["a", "b"], ["c", "b"], ["d"]], size_max=3) == [["a", "b", "c"], ["d"]]


def test_a_group_larger_than_a_request_is_split() -> None:
    assert pack([["x"], ["a", "b", "c"]], size_max=2) == [["x"], ["a", "b"], ["c"]]


@given(st.lists(st.lists(st.integers(0, 30).map(str), min_size=1, max_size=5), max_size=20))
def test_every_group_is_whole_in_one_request_and_no_request_is_too_large(groups: list[list[str]]) -> None:
    requests = pack(groups, size_max=5)
    assert all(1 <= len(request) <= 5 for request in requests)
    assert all(len(set(request)) == len(request) for request in requests)
    for group in groups:
        assert any(set(group) <= set(request) for request in requests)


def test_the_time_between_two_readings_of_a_pool_is_kept_by_its_kind(plan: PollPlan) -> None:
    amm, clmm = entry("a"), entry("c", dex=Dex.RAYDIUM_CLMM)
    for now_s in (0, 1, 3):
        plan.polled([amm, clmm] if now_s != 1 else [amm], now_s * S)
    assert (plan.amm_interval_s.count, plan.amm_interval_s.total) == (2, 3.0)
    assert (plan.clmm_interval_s.count, plan.clmm_interval_s.total) == (1, 3.0)
