"""A CPMM pool whose token 0 is Token-2022 with a transfer fee that changes at an epoch."""

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.dex.pool import Account, ChainClock, Direction, Pool, SwapMode
from quote_core.dex.spl_token import TOKEN_2022_PROGRAM, TransferFee
from quote_core.errors import NotTradable

OpenPool = Callable[..., Pool]
DEX, NAME = "raydium_cpmm", "sol_usdc_7JuwJuNU"
TOKEN_PROGRAM_0 = 232
NEWER_EPOCH = 1000
OLDER, NEWER = TransferFee(50, 10**9), TransferFee(200, 10**9)
SOL = 10**9


def mint_with_fee() -> Account:
    base = bytes(36) + struct.pack("<QBB", 10**18, 9, 1) + bytes(36)
    fees = struct.pack("<QQHQQH", 0, OLDER.fee_max, OLDER.rate_bps, NEWER_EPOCH, NEWER.fee_max, NEWER.rate_bps)
    extension = struct.pack("<HH", 1, 108) + bytes(72) + fees
    return Account(TOKEN_2022_PROGRAM, base + bytes(83) + b"\x01" + extension)


@pytest.fixture
def pool(open_pool: OpenPool) -> Pool:
    program = bytes(SoldersPubkey.from_string(TOKEN_2022_PROGRAM))
    opened = open_pool(DEX, NAME, {("pool", TOKEN_PROGRAM_0): program})
    opened.apply(opened.mint_a, mint_with_fee())
    return opened


def at_epoch(clock: ChainClock, epoch: int) -> ChainClock:
    return replace(clock, epoch=epoch)


def test_the_mint_is_needed_for_its_fee(pool: Pool, clock: ChainClock) -> None:
    assert pool.mint_a in [need.pubkey for need in pool.accounts_needed()]
    pool.apply(pool.mint_a, None)
    with pytest.raises(NotTradable, match=pool.mint_a):
        pool.check_tradable(clock)


@pytest.mark.parametrize(("epoch", "fee"), [(NEWER_EPOCH - 1, OLDER), (NEWER_EPOCH, NEWER)])
def test_input_reaches_the_pool_less_the_fee_of_the_epoch(
    pool: Pool, open_pool: OpenPool, clock: ChainClock, epoch: int, fee: TransferFee
) -> None:
    swap = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, SOL, at_epoch(clock, epoch))
    plain = open_pool(DEX, NAME).swap(Direction.A_TO_B, SwapMode.EXACT_IN, SOL - fee.on_amount(SOL), clock)
    assert (swap.amount_in, swap.amount_out) == (SOL, plain.amount_out)
    assert pool.write_swap(swap) == pool.write_swap(plain)


@pytest.mark.parametrize(("epoch", "fee"), [(NEWER_EPOCH - 1, OLDER), (NEWER_EPOCH, NEWER)])
def test_output_reaches_the_trader_less_the_fee_of_the_epoch(
    pool: Pool, open_pool: OpenPool, clock: ChainClock, epoch: int, fee: TransferFee
) -> None:
    swap = pool.swap(Direction.B_TO_A, SwapMode.EXACT_IN, 10**6, at_epoch(clock, epoch))
    plain = open_pool(DEX, NAME).swap(Direction.B_TO_A, SwapMode.EXACT_IN, 10**6, clock)
    assert swap.amount_out == plain.amount_out - fee.on_amount(plain.amount_out)


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("epoch", [NEWER_EPOCH - 1, NEWER_EPOCH])
def test_exact_out_delivers_what_was_asked_and_the_ladder_agrees(
    pool: Pool, clock: ChainClock, direction: Direction, epoch: int
) -> None:
    now = at_epoch(clock, epoch)
    swap = pool.swap(direction, SwapMode.EXACT_OUT, 12_345_678, now)
    assert swap.amount_out >= 12_345_678
    assert pool.ladder(direction, [swap.amount_in], now)[0] >= 12_345_678


def test_ladder_follows_the_epoch(pool: Pool, clock: ChainClock) -> None:
    for epoch in (NEWER_EPOCH - 1, NEWER_EPOCH, NEWER_EPOCH - 1):
        now = at_epoch(clock, epoch)
        expected = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, SOL, now).amount_out
        assert list(pool.ladder(Direction.A_TO_B, [SOL], now)) == [expected]
