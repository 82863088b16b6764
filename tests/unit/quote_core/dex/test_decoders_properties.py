"""Damaged bytes: a decoder answers with `CorruptAccount` naming account and field, or with a pool that still quotes.

Never another exception, a hang or a crash. Bytes are real accounts cut, lengthened and overwritten, which reach deeper
than noise does; noise under the right owner and mark is tried too.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quote_core.dex.lst_rates import decode_rate
from quote_core.dex.pool import Account, ChainClock, Direction, Pool, SwapMode
from quote_core.dex.programs import BY_DEX, decode_pool
from quote_core.dex.pyth import decode_price_update
from quote_core.dex.recorded import RecordedPool, load_accounts
from quote_core.dex.spl_token import TOKEN_2022_PROGRAM, decode_mint, decode_token_account
from quote_core.errors import CorruptAccount, MarketError
from quote_core.units import Pubkey

OpenPool = Callable[..., Pool]
Recorded = Callable[[str, str], RecordedPool]

POOLS: Final = [
    ("raydium_amm_v4", "sol_usdc_58oQChx4"),
    ("raydium_cpmm", "sol_usdc_7JuwJuNU"),
    ("pumpswap", "pump_usdc_2uF4Xh61"),
    ("pumpswap", "synthetic_usdc_quote"),
    ("raydium_clmm", "sol_usdc_3ucNos4N_jul2026"),
    ("orca_whirlpool", "synthetic_adaptive_ts4_A"),
    ("orca_whirlpool", "synthetic_dynamic_arrays_samo"),
    ("meteora_dlmm", "sol_usdc_bs4_5rCf1DM8"),
]
RATES: Final = [
    ("stake_pool", "stake_pool", "jitosol"),
    ("marinade", "marinade", "msol"),
    ("infinity", "sanctum_infinity", "inf"),
    ("lido", "lido", "stsol"),
    ("hylo", "hylo", "lst_headers_sep2026"),
]
T = TypeVar("T")
ADDRESS: Final = Pubkey("58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2")
AMOUNTS: Final = [1, 1000, 10**9, 10**15, 2**64 - 1]

every_pool = pytest.mark.parametrize(("dex_label", "name"), POOLS)
examples = settings(max_examples=60, deadline=None)
overwrites = st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=16))
damages = st.tuples(
    st.lists(overwrites, max_size=4),
    st.one_of(st.just(0), st.integers(-300, 300)),
    st.sampled_from([False, False, True]),
)


def damaged(account: Account, damage: tuple[list[tuple[float, bytes]], int, bool]) -> Account:
    """Overwrite slices, change the length, and give the account to somebody else, as `damage` says."""
    slices, lengthened_by, is_stolen = damage
    data = bytearray(account.data)
    for place, raw in slices:
        offset = int(place * max(0, len(data) - len(raw)))
        data[offset : offset + len(raw)] = raw
    changed = bytes(data[:lengthened_by]) if lengthened_by < 0 else bytes(data) + bytes(lengthened_by)
    return Account(Pubkey("1" * 32) if is_stolen else account.owner, changed)


def quote_everything(pool: Pool, clock: ChainClock) -> None:
    """Ask all there is to ask; only what the market can answer may be raised."""
    for direction in Direction:
        for mode in SwapMode:
            for amount in AMOUNTS:
                with suppress(MarketError):
                    swap = pool.swap(direction, mode, amount, clock)
                    assert 0 <= swap.amount_out < 2**64
        with suppress(MarketError):
            assert len(pool.ladder(direction, AMOUNTS, clock)) == len(AMOUNTS)
        with suppress(MarketError):
            assert pool.fee_fraction(direction, clock) >= 0
    with suppress(MarketError):
        assert pool.spot_price(clock) >= 0


def unless_corrupt(action: Callable[[], T]) -> T | None:
    """Give the action's result, or None where it refuses the bytes by account and field."""
    try:
        return action()
    except CorruptAccount as caught:
        error = caught
    assert error.account
    assert error.field
    assert error.account in str(error)
    assert error.field in str(error)
    return None


@every_pool
@examples
@given(damage=damages)
def test_damaged_pool_account(
    recorded: Recorded,
    clock: ChainClock,
    dex_label: str,
    name: str,
    damage: tuple[list[tuple[float, bytes]], int, bool],
) -> None:
    source = recorded(dex_label, name)
    address = Pubkey(source.roles["pool"])

    def opened() -> Pool:
        pool = decode_pool(address, damaged(source.accounts[address], damage))
        load_accounts(pool, source.accounts)
        return pool

    pool = unless_corrupt(opened)
    if pool is not None:
        quote_everything(pool, clock)


@every_pool
@examples
@given(damage=damages, place=st.floats(0, 1, exclude_max=True))
def test_damaged_needed_account(
    open_pool: OpenPool,
    recorded: Recorded,
    clock: ChainClock,
    dex_label: str,
    name: str,
    damage: tuple[list[tuple[float, bytes]], int, bool],
    place: float,
) -> None:
    source, pool = recorded(dex_label, name), open_pool(dex_label, name)
    held = [need.pubkey for need in pool.accounts_needed() if need.pubkey in source.accounts]
    pubkey = held[int(place * len(held))]
    unless_corrupt(lambda: pool.apply(pubkey, damaged(source.accounts[pubkey], damage)))
    quote_everything(pool, clock)


@pytest.mark.parametrize("dex_label", sorted(dex.label for dex in BY_DEX))
@examples
@given(noise=st.binary(max_size=2000), fits=st.booleans())
def test_noise_under_the_right_owner_and_mark(clock: ChainClock, dex_label: str, noise: bytes, fits: bool) -> None:
    layout = next(program.layout for dex, program in BY_DEX.items() if dex.label == dex_label)
    data = layout.discriminator + noise
    if fits:
        data = data.ljust(layout.size_bytes_min, b"\x5a")[: layout.size_bytes_max]
    pool = unless_corrupt(lambda: decode_pool(ADDRESS, Account(min(layout.owners), data)))
    if pool is not None:
        quote_everything(pool, clock)


@pytest.mark.parametrize(("kind", "folder", "name"), RATES)
@examples
@given(damage=damages, supply=st.integers(0, 2**64 - 1))
def test_damaged_rate_account(
    recorded: Recorded,
    kind: str,
    folder: str,
    name: str,
    damage: tuple[list[tuple[float, bytes]], int, bool],
    supply: int,
) -> None:
    for pubkey, account in recorded(folder, name).accounts.items():
        decode = partial(decode_rate, kind, damaged(account, damage), mint_supply=supply, account_key=pubkey)
        rate = unless_corrupt(decode)
        if rate is not None:
            assert rate.lamports_floor(10**9) >= 0


@examples
@given(damage=damages)
def test_damaged_price(recorded: Recorded, damage: tuple[list[tuple[float, bytes]], int, bool]) -> None:
    ((pubkey, account),) = recorded("pyth", "sol_usd_20260731_7UVimf").accounts.items()
    price = unless_corrupt(lambda: decode_price_update(pubkey, damaged(account, damage)))
    if price is not None:
        assert price.value > 0


@examples
@given(noise=st.binary(max_size=400))
def test_noise_as_token_account_and_mint(noise: bytes) -> None:
    for decode, kind in ((decode_token_account, b"\x02"), (decode_mint, b"\x01")):
        for data in (noise, noise[:165].ljust(165, b"\x01") + kind + noise[165:]):
            unless_corrupt(partial(decode, ADDRESS, Account(TOKEN_2022_PROGRAM, data)))
