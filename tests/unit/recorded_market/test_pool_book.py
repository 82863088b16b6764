import pytest

from quote_core.dex.pool import Account, ChainClock, Dex, Direction
from quote_core.dex.programs import decode_pool
from quote_core.dex.spl_token import token_amount
from quote_core.units import Pubkey
from recorded_market.genesis import Genesis
from recorded_market.pool_book import PoolBook

AMM_V4 = Pubkey("58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2")
SOL_VAULT = Pubkey("DQyrAcCrDXQ7NeoqGgDCZwBvWDcYmFCjSb9JtteuvPpz")
USDC_VAULT = Pubkey("HLmqeL62xR1QoZ1HKKbXRrdN1p3phKpxRMb2VVopvBBz")
TOKEN_ACCOUNT_RENT_LAMPORTS = 2_039_280


@pytest.fixture
def book(genesis: Genesis) -> PoolBook:
    return PoolBook(genesis.accounts)


@pytest.fixture
def clock(genesis: Genesis) -> ChainClock:
    return genesis.chain_time.clock(genesis.slot)


def test_every_recorded_and_synthetic_pool_is_open_and_tradable(book: PoolBook, clock: ChainClock) -> None:
    counts = {dex: sum(pool.dex is dex for pool in book.tradable(clock)) for dex in Dex}
    assert counts == {
        Dex.RAYDIUM_AMM_V4: 1 + 11,
        Dex.RAYDIUM_CPMM: 1 + 11,
        Dex.RAYDIUM_CLMM: 1,
        Dex.ORCA_WHIRLPOOL: 1,
        Dex.METEORA_DLMM: 1,
        Dex.PUMPSWAP: 1,
    }


def test_pools_come_in_address_order(book: PoolBook) -> None:
    addresses = [pool.address for pool in book.pools]
    assert addresses == sorted(addresses)


def test_a_swap_leaves_its_amounts_in_the_vaults_bytes(book: PoolBook, genesis: Genesis, clock: ChainClock) -> None:
    (pool,) = (pool for pool in book.pools if pool.address == AMM_V4)
    swap = book.swap(pool, Direction.A_TO_B, 5 * 10**9, clock)
    assert swap is not None
    changes = book.take_changes()
    before = genesis.accounts
    assert token_amount(changes[SOL_VAULT].data) == token_amount(before[SOL_VAULT].data) + 5 * 10**9
    assert token_amount(changes[USDC_VAULT].data) == token_amount(before[USDC_VAULT].data) - swap.amount_out
    assert changes[SOL_VAULT].lamports == TOKEN_ACCOUNT_RENT_LAMPORTS + token_amount(changes[SOL_VAULT].data)


def test_changes_are_given_once(book: PoolBook, clock: ChainClock) -> None:
    assert book.swap(book.tradable(clock)[0], Direction.A_TO_B, 10**9, clock) is not None
    assert book.take_changes()
    assert book.take_changes() == {}


def test_a_refused_swap_changes_nothing(book: PoolBook, clock: ChainClock) -> None:
    for pool in book.tradable(clock):
        assert book.swap(pool, Direction.A_TO_B, 0, clock) is None
    assert book.take_changes() == {}


@pytest.mark.parametrize("dex", Dex)
def test_whoever_decodes_the_bytes_after_a_swap_sees_the_same_pool(
    book: PoolBook, genesis: Genesis, clock: ChainClock, dex: Dex
) -> None:
    pool = next(pool for pool in book.tradable(clock) if pool.dex is dex)
    for direction in (Direction.A_TO_B, Direction.B_TO_A, Direction.B_TO_A):
        assert book.swap(pool, direction, 10**6, clock) is not None
    accounts = dict(genesis.accounts) | book.take_changes()
    reader = decode_pool(pool.address, accounts[pool.address])
    for need in reader.accounts_needed():
        reader.apply(need.pubkey, accounts.get(need.pubkey))
    amounts = [10**5, 10**7, 10**8]
    for direction in Direction:
        assert list(reader.ladder(direction, amounts, clock)) == list(pool.ladder(direction, amounts, clock))


def test_an_account_of_an_unknown_program_is_left_alone(clock: ChainClock) -> None:
    book = PoolBook({AMM_V4: Account(Pubkey("11111111111111111111111111111111"), bytes(752))})
    assert book.pools == ()
    assert book.tradable(clock) == []
