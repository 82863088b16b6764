"""The flow as a whole: the same bytes for the same seed, and gaps that open and close as the pipeline needs them."""

import hashlib
from collections.abc import Callable, Iterator

import pytest

from quote_core.dex.pool import ChainClock, Dex, Direction, Pool, SwapMode
from quote_core.dex.pyth import decode_price_update
from quote_core.errors import MarketError
from quote_core.units import Pubkey
from recorded_market.genesis import Genesis
from recorded_market.ledger import Commitment
from recorded_market.market import Market

SOL = Pubkey("So11111111111111111111111111111111111111112")
USDC = Pubkey("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
SOL_FEED = Pubkey("7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE")
GROSS_BPS_WANTED = 50
SLOTS_PER_S = 2.5


def digest(market: Market) -> str:
    """A fingerprint of every account's owner, lamports and bytes."""
    found = hashlib.sha256()
    for pubkey, account in sorted(market.ledger.view(Commitment.PROCESSED).accounts.items()):
        found.update(f"{pubkey}{account.owner}{account.lamports}".encode() + account.data)
    return found.hexdigest()


def played(genesis: Genesis, slot_count: int) -> Market:
    market = Market(genesis)
    for _ in range(slot_count):
        market.advance()
    return market


def test_two_runs_of_one_seed_give_the_same_bytes_at_every_slot(genesis_of: Callable[[int], Genesis]) -> None:
    first, second = Market(genesis_of(7)), Market(genesis_of(7))
    for _ in range(150):
        first.advance()
        second.advance()
        assert digest(first) == digest(second)


def test_reading_and_quoting_do_not_change_what_comes(genesis_of: Callable[[int], Genesis]) -> None:
    read, unread = Market(genesis_of(7)), Market(genesis_of(7))
    for _ in range(50):
        for pool in read.tradable_pools():
            pool.ladder(Direction.A_TO_B, [10**6, 10**9], read.clock)
        read.advance()
        unread.advance()
    assert digest(read) == digest(unread)


def test_another_seed_gives_another_market_from_the_same_start(genesis_of: Callable[[int], Genesis]) -> None:
    assert digest(Market(genesis_of(1))) == digest(Market(genesis_of(2)))
    assert digest(played(genesis_of(1), 5)) != digest(played(genesis_of(2), 5))


def test_every_pool_moves_within_two_minutes(genesis: Genesis) -> None:
    prices_before = {pool.address: pool.spot_price(Market(genesis).clock) for pool in genesis.flow.book.pools}
    market = played(genesis, 300)
    prices_after = {pool.address: pool.spot_price(market.clock) for pool in market.tradable_pools()}
    assert prices_after.keys() == prices_before.keys()
    assert all(prices_after[address] != price for address, price in prices_before.items())


def test_the_moving_pools_are_of_all_six_dexes(genesis: Genesis) -> None:
    assert {pool.dex for pool in Market(genesis).tradable_pools()} == set(Dex)


def test_the_oracle_follows_the_pools(genesis: Genesis) -> None:
    market = played(genesis, 300)
    price = decode_price_update(SOL_FEED, market.ledger.view(Commitment.PROCESSED).accounts[SOL_FEED])
    assert market.clock.slot - price.posted_slot < 3
    assert price.publish_time <= market.clock.unix_timestamp
    for pool in market.tradable_pools():
        if {pool.mint_a, pool.mint_b} == {SOL, USDC}:
            assert pool.spot_price(market.clock) * 1_000 == pytest.approx(price.value, rel=0.03)


def pairs_of(market: Market) -> dict[Pubkey, list[Pool]]:
    pairs: dict[Pubkey, list[Pool]] = {}
    for pool in market.tradable_pools():
        pairs.setdefault(pool.mint_b, []).append(pool)
    return pairs


def best_gross_bps(pools: list[Pool], amount: int, clock: ChainClock) -> float:
    """What buying in one pool and selling in another gains, pool fees paid."""
    gains = [-10_000.0]
    for bought_in in pools:
        for sold_in in pools:
            if bought_in is not sold_in:
                try:
                    there = bought_in.swap(Direction.A_TO_B, SwapMode.EXACT_IN, amount, clock).amount_out
                    back = sold_in.swap(Direction.B_TO_A, SwapMode.EXACT_IN, there, clock).amount_out
                except MarketError:
                    continue
                gains.append((back - amount) / amount * 10_000)
    return max(gains)


def gap_lengths(market: Market, slot_count: int) -> Iterator[tuple[int, int]]:
    """First slot and length of each gap that is worth 50 bps gross at one SOL."""
    pairs = pairs_of(market)
    since: dict[Pubkey, int] = {}
    for slot in range(slot_count):
        market.advance()
        for mint, pools in pairs.items():
            if best_gross_bps(pools, 10**9, market.clock) >= GROSS_BPS_WANTED:
                since.setdefault(mint, slot)
            elif mint in since:
                opened = since.pop(mint)
                yield opened, slot - opened


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_gaps_open_several_times_a_minute_and_close_within_seconds(
    genesis_of: Callable[[int], Genesis], seed: int
) -> None:
    minutes = 2
    gaps = list(gap_lengths(Market(genesis_of(seed)), round(60 * minutes * SLOTS_PER_S)))
    assert len(gaps) >= 4 * minutes
    assert any(opened < 30 * SLOTS_PER_S for opened, _ in gaps)
    lengths_s = sorted(length / SLOTS_PER_S for _, length in gaps)
    assert 2.0 <= lengths_s[len(lengths_s) // 2] <= 6.4
    assert lengths_s[-1] < 15.0  # two whales in a row at most


def test_most_of_the_time_a_pair_has_nothing_to_gain(genesis: Genesis) -> None:
    market = Market(genesis)
    pairs = pairs_of(market)
    slot_count, open_count = 300, 0
    for _ in range(slot_count):
        market.advance()
        open_count += sum(best_gross_bps(pools, 10**9, market.clock) > 10 for pools in pairs.values())
    assert open_count < 0.2 * slot_count * len(pairs)
