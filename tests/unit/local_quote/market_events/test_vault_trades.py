from hypothesis import given
from hypothesis import strategies as st

from local_quote.market_events.vault_trades import PoolTrade, VaultSight, VaultTrades
from quote_core.units import Pubkey

POOL = Pubkey("pool")


def seen(*sights: tuple[int, int, int], doubts: tuple[int, ...] = ()) -> list[PoolTrade]:
    trades = VaultTrades()
    found = []
    for number, (slot, a, b) in enumerate(sights):
        doubted = doubts[number] if doubts else 0
        found.append(trades.see(POOL, VaultSight(slot, a, b, doubted)))
    return [trade for trade in found if trade is not None]


def test_one_vault_up_and_the_other_down_is_a_trade() -> None:
    into_a, into_b = seen((1, 100, 100), (2, 110, 91), (3, 105, 96))
    assert into_a == PoolTrade(POOL, 2, is_a_in=True, input_amount=10, output_amount=9)
    assert into_b == PoolTrade(POOL, 3, is_a_in=False, input_amount=5, output_amount=5)
    assert (into_a.a_amount, into_b.a_amount) == (10, 5)


def test_liquidity_that_comes_or_goes_is_no_trade() -> None:
    assert seen((1, 100, 100), (2, 150, 150), (3, 120, 120)) == []


def test_one_vault_waits_for_the_other_of_its_slot() -> None:
    (trade,) = seen((1, 100, 100), (2, 110, 100), (2, 110, 91))
    assert (trade.input_amount, trade.output_amount) == (10, 9)


def test_what_one_vault_alone_gained_is_no_part_of_a_later_trade() -> None:
    (trade,) = seen((1, 100, 100), (2, 107, 100), (3, 117, 91))
    assert (trade.input_amount, trade.output_amount) == (10, 9)


def test_what_changed_while_the_pool_was_in_doubt_is_not_told() -> None:
    (trade,) = seen((1, 100, 100), (5, 200, 50), (6, 210, 48), doubts=(0, 9, 9))
    assert (trade.input_amount, trade.output_amount) == (10, 2)


def test_a_pool_that_was_let_go_is_forgotten() -> None:
    trades = VaultTrades()
    trades.see(POOL, VaultSight(1, 1, 1, 0))
    trades.forget(POOL)
    assert len(trades) == 0
    assert trades.see(POOL, VaultSight(2, 2, 0, 0)) is None


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6), st.booleans()), max_size=30))
def test_trades_seen_one_by_one_are_told_as_they_were(swaps: list[tuple[int, int, bool]]) -> None:
    a = b = 10**9
    sights = [(1, a, b)]
    for slot, (amount_in, amount_out, is_a_in) in enumerate(swaps, 2):
        a, b = (a + amount_in, b - amount_out) if is_a_in else (a - amount_out, b + amount_in)
        sights.append((slot, a, b))
    assert [(one.input_amount, one.output_amount, one.is_a_in) for one in seen(*sights)] == swaps
