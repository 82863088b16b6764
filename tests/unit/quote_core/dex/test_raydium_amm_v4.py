from collections.abc import Callable
from dataclasses import replace

import pytest

from quote_core.dex.pool import Account, ChainClock, Direction, Pool, SwapMode
from quote_core.dex.programs import decode_pool
from quote_core.dex.recorded import RecordedPool
from quote_core.errors import (
    ActivationPending,
    AmountTooSmall,
    CorruptAccount,
    ImpossibleReserves,
    NoLiquidity,
    NotTradable,
)
from quote_core.units import Pubkey

OpenPool = Callable[..., Pool]
DEX, NAME = "raydium_amm_v4", "sol_usdc_58oQChx4"
STATUS, FEE_NUMERATOR, OWED_COIN, OPEN_TIME = 0, 176, 192, 224
SOL = 10**9


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def test_accounts_needed_are_the_two_vaults(open_pool: OpenPool, recorded: Callable[..., RecordedPool]) -> None:
    roles = recorded(DEX, NAME).roles
    pool = open_pool(DEX, NAME)
    assert [need.pubkey for need in pool.accounts_needed()] == [roles["vault_coin"], roles["vault_pc"]]
    assert list(pool.missing()) == []


def test_pool_without_its_vaults_says_which_are_missing(
    recorded: Callable[..., RecordedPool], clock: ChainClock
) -> None:
    source = recorded(DEX, NAME)
    address = Pubkey(source.roles["pool"])
    pool = decode_pool(address, source.accounts[address])
    assert list(pool.missing()) == [source.roles["vault_coin"], source.roles["vault_pc"]]
    with pytest.raises(NotTradable, match=str(source.roles["vault_pc"])):
        pool.check_tradable(clock)


def test_fee_is_on_the_input_and_rounded_up(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, NAME)
    swap = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 401, clock)
    assert (swap.fee_amount, swap.fee_mint) == (2, pool.mint_a)  # 25 of 10,000: 1.0025 units
    assert pool.fee_fraction(Direction.A_TO_B, clock) == 0.0025


def test_zero_is_refused_both_ways(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, NAME)
    for mode in SwapMode:
        with pytest.raises(AmountTooSmall):
            pool.swap(Direction.A_TO_B, mode, 0, clock)


def test_the_whole_reserve_cannot_be_bought(open_pool: OpenPool, clock: ChainClock) -> None:
    with pytest.raises(NoLiquidity):
        open_pool(DEX, NAME).swap(Direction.A_TO_B, SwapMode.EXACT_OUT, 2**63, clock)


@pytest.mark.parametrize("status", [0, 2, 3, 4, 5, 8])
def test_status_without_swap_permission_refuses(open_pool: OpenPool, clock: ChainClock, status: int) -> None:
    pool = open_pool(DEX, NAME, {("pool", STATUS): u64(status)})
    with pytest.raises(NotTradable, match=f"status {status}"):
        pool.check_tradable(clock)
    with pytest.raises(NotTradable):
        pool.ladder(Direction.A_TO_B, [SOL], clock)


def test_waiting_pool_opens_at_its_time(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, NAME, {("pool", STATUS): u64(7), ("pool", OPEN_TIME): u64(clock.unix_timestamp)})
    pool.check_tradable(clock)
    with pytest.raises(ActivationPending):
        pool.check_tradable(replace(clock, unix_timestamp=clock.unix_timestamp - 1))


def test_owing_more_than_the_vault_holds_is_impossible(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, NAME, {("pool", OWED_COIN): u64(2**63)})
    with pytest.raises(ImpossibleReserves):
        pool.check_tradable(clock)


def test_frozen_vault_refuses(open_pool: OpenPool, clock: ChainClock) -> None:
    with pytest.raises(NotTradable, match="frozen"):
        open_pool(DEX, NAME, {("vault_pc", 108): b"\x02"}).check_tradable(clock)


def test_a_fee_of_all_is_corrupt(open_pool: OpenPool) -> None:
    with pytest.raises(CorruptAccount, match=r"amm_info\.swap_fee"):
        open_pool(DEX, NAME, {("pool", FEE_NUMERATOR): u64(10_000)})


def test_corrupt_update_keeps_the_state_before(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, NAME)
    vault = pool.accounts_needed()[0].pubkey
    before = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, SOL, clock)
    with pytest.raises(CorruptAccount):
        pool.apply(vault, Account(Pubkey("11111111111111111111111111111111"), b"\x01"))
    with pytest.raises(CorruptAccount):
        pool.apply(pool.address, Account(Pubkey("11111111111111111111111111111111"), b"\x01"))
    assert pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, SOL, clock) == before


def test_pool_account_that_names_other_vaults_is_refused(
    open_pool: OpenPool, recorded: Callable[..., RecordedPool], clock: ChainClock
) -> None:
    pool = open_pool(DEX, NAME)
    data = recorded(DEX, NAME).accounts[pool.address].data
    swapped = data[:336] + data[368:400] + data[336:368] + data[400:]
    before = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, SOL, clock)
    with pytest.raises(CorruptAccount, match="vaults"):
        pool.apply(pool.address, Account(recorded(DEX, NAME).accounts[pool.address].owner, swapped))
    assert pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, SOL, clock) == before


def test_closed_vault_and_closed_pool_refuse(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, NAME)
    vault = pool.accounts_needed()[1].pubkey
    pool.apply(vault, None)
    assert list(pool.missing()) == [vault]
    closed = open_pool(DEX, NAME)
    closed.apply(closed.address, None)
    with pytest.raises(NotTradable, match="does not exist"):
        closed.check_tradable(clock)


def test_account_never_asked_for_is_a_programming_error(open_pool: OpenPool) -> None:
    with pytest.raises(KeyError):
        open_pool(DEX, NAME).apply(Pubkey("So11111111111111111111111111111111111111112"), None)


def test_spot_price_is_the_ratio_of_reserves(open_pool: OpenPool, clock: ChainClock) -> None:
    pool = open_pool(DEX, NAME)
    assert pool.spot_price(clock) * 1000 == pytest.approx(81, rel=0.02)  # USDC per SOL, July 2026


def test_paused_pool_still_has_a_price_and_an_unloaded_one_has_none(
    open_pool: OpenPool, recorded: Callable[..., RecordedPool], clock: ChainClock
) -> None:
    assert open_pool(DEX, NAME, {("pool", STATUS): u64(3)}).spot_price(clock) > 0
    address = Pubkey(recorded(DEX, NAME).roles["pool"])
    with pytest.raises(NotTradable):
        decode_pool(address, recorded(DEX, NAME).accounts[address]).spot_price(clock)
