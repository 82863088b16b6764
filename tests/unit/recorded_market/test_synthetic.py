import pytest

from quote_core.dex.lst_rates import LstRate
from quote_core.dex.pool import Account, ChainClock, Dex, Direction, Pool, SwapMode
from quote_core.dex.programs import decode_pool
from quote_core.dex.spl_token import decode_mint
from quote_core.errors import CorruptAccount, LayoutMismatch
from quote_core.tokens import Token, TokenRegistry
from quote_core.units import Pubkey
from recorded_market.derived_keys import derived_key
from recorded_market.recording import Recording
from recorded_market.synthetic import synthetic_mint, synthetic_pools

RATE = LstRate(13, 10, None)  # 1.3 SOL a token
CLOCK = ChainClock(436_453_863, 1_785_541_739, 1010)


@pytest.fixture
def lst(tokens: TokenRegistry) -> Token:
    return tokens.resolve("JitoSOL", field="test")


@pytest.fixture
def accounts(recording: Recording, lst: Token) -> dict[Pubkey, Account]:
    return dict(synthetic_pools(recording.accounts, lst, RATE))


@pytest.fixture
def pools(accounts: dict[Pubkey, Account]) -> dict[Dex, Pool]:
    opened = {}
    for pubkey, account in accounts.items():
        try:
            pool = decode_pool(pubkey, account)
        except CorruptAccount:
            continue
        for need in pool.accounts_needed():
            pool.apply(need.pubkey, accounts[need.pubkey])
        opened[pool.dex] = pool
    return opened


def test_a_derived_key_is_the_same_for_the_same_label_only() -> None:
    assert derived_key("a") == derived_key("a")
    assert derived_key("a") != derived_key("b")


def test_the_two_pools_of_a_pair_trade_sol_against_the_token(pools: dict[Dex, Pool], lst: Token) -> None:
    assert set(pools) == {Dex.RAYDIUM_AMM_V4, Dex.RAYDIUM_CPMM}
    for pool in pools.values():
        assert pool.mint_a == "So11111111111111111111111111111111111111112"
        assert pool.mint_b == lst.mint
        pool.check_tradable(CLOCK)


def test_both_stand_at_the_rate_with_fees_that_differ(pools: dict[Dex, Pool]) -> None:
    for pool in pools.values():
        assert pool.spot_price(CLOCK) == pytest.approx(10 / 13, rel=1e-4)
    fees = {dex: pool.fee_fraction(Direction.A_TO_B, CLOCK) for dex, pool in pools.items()}
    assert fees == {Dex.RAYDIUM_AMM_V4: 0.0025, Dex.RAYDIUM_CPMM: 0.0005}


def test_a_swap_of_a_hundred_sol_costs_little_more_than_the_fee(pools: dict[Dex, Pool]) -> None:
    for pool in pools.values():
        swap = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 100 * 10**9, CLOCK)
        ideal = 100 * 10**9 * 10 / 13 * (1 - pool.fee_fraction(Direction.A_TO_B, CLOCK))
        assert ideal * 0.996 < swap.amount_out < ideal


def test_no_synthetic_account_has_the_address_of_a_recorded_one(
    recording: Recording, accounts: dict[Pubkey, Account]
) -> None:
    assert recording.accounts.keys().isdisjoint(accounts)


def test_no_synthetic_pool_points_at_a_recorded_account(recording: Recording, pools: dict[Dex, Pool]) -> None:
    for pool in pools.values():
        assert recording.accounts.keys().isdisjoint(need.pubkey for need in pool.accounts_needed())


def test_two_tokens_share_no_account(recording: Recording, tokens: TokenRegistry, lst: Token) -> None:
    first = dict(synthetic_pools(recording.accounts, lst, RATE))
    second = dict(synthetic_pools(recording.accounts, tokens.resolve("bSOL", field="test"), RATE))
    assert first.keys().isdisjoint(second)


def test_a_synthetic_mint_has_the_decimals_of_the_registry(
    recording: Recording, lst: Token, tokens: TokenRegistry
) -> None:
    usdt = tokens.resolve("USDT", field="test")
    mint = synthetic_mint(recording.accounts[lst.mint], usdt)
    assert decode_mint(usdt.mint, mint).decimals == 6
    assert decode_mint(usdt.mint, mint).supply == 1_000_000 * 10**6


def test_without_a_recorded_pool_there_is_nothing_to_make_one_from(lst: Token) -> None:
    with pytest.raises(LayoutMismatch, match="no raydium_amm_v4 pool"):
        list(synthetic_pools({}, lst, RATE))
