import struct

import pytest

from quote_core.dex.pool import Account
from quote_core.dex.pumpswap.fees import (
    FEE_CONFIG,
    FEE_CONFIG_LAYOUT,
    GLOBAL_CONFIG,
    GLOBAL_CONFIG_LAYOUT,
    FeeRates,
    decode_fee_schedule,
    decode_global_config,
    is_canonical,
    market_cap_floor,
)
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

WSOL = Pubkey("So11111111111111111111111111111111111111112")
USDC = Pubkey("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
USDT = Pubkey("Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB")
FLAT = FeeRates(25, 5, 0)
TIER = (0, 2, 93, 30), (1_000, 20, 5, 95)
STABLE = ((0, 1, 1, 1),)


def tiers(rows: tuple[tuple[int, int, int, int], ...]) -> bytes:
    return struct.pack("<I", len(rows)) + b"".join(
        cap.to_bytes(16, "little") + struct.pack("<QQQ", *rates) for cap, *rates in rows
    )


def fee_config(rest: bytes) -> Account:
    head = FEE_CONFIG_LAYOUT.discriminator + bytes(33) + struct.pack("<QQQ", 25, 5, 0)
    (owner,) = FEE_CONFIG_LAYOUT.owners
    return Account(owner, (head + rest).ljust(512, b"\0"))


def test_highest_threshold_reached_decides_and_the_first_tier_is_the_floor() -> None:
    schedule = decode_fee_schedule(FEE_CONFIG, fee_config(tiers(((10, 2, 93, 30), (1_000, 20, 5, 95)))))
    at = [schedule.rates(canonical=True, quote_mint=WSOL, market_cap=cap).lp_bps for cap in (0, 10, 999, 1_000)]
    assert at == [2, 2, 2, 20]


def test_pool_that_is_not_canonical_pays_flat() -> None:
    schedule = decode_fee_schedule(FEE_CONFIG, fee_config(tiers(TIER)))
    assert schedule.rates(canonical=False, quote_mint=WSOL, market_cap=10**9) == FLAT


def test_usdc_pays_stable_tiers_and_sol_tiers_while_there_are_none() -> None:
    with_stable = decode_fee_schedule(FEE_CONFIG, fee_config(tiers(TIER) + tiers(STABLE)))
    without = decode_fee_schedule(FEE_CONFIG, fee_config(tiers(TIER)))
    assert with_stable.rates(canonical=True, quote_mint=USDC, market_cap=5) == FeeRates(1, 1, 1)
    assert without.rates(canonical=True, quote_mint=USDC, market_cap=5) == FeeRates(2, 93, 30)


def test_other_quotes_pay_exotic_rates_and_flat_while_those_are_zero() -> None:
    exotic = struct.pack("<QQQ", 7, 8, 9)
    with_exotic = decode_fee_schedule(FEE_CONFIG, fee_config(tiers(TIER) + tiers(STABLE) + exotic))
    without = decode_fee_schedule(FEE_CONFIG, fee_config(tiers(TIER) + tiers(STABLE)))
    assert with_exotic.rates(canonical=True, quote_mint=USDT, market_cap=5) == FeeRates(7, 8, 9)
    assert without.rates(canonical=True, quote_mint=USDT, market_cap=5) == FLAT


@pytest.mark.parametrize(
    ("rest", "field"),
    [
        (struct.pack("<I", 1_000), "fee_config.fee_tiers"),
        (tiers(((0, 9_000, 500, 500),)), "fee_config.fee_tiers"),
        (tiers(TIER) + struct.pack("<I", 2**32 - 1), "fee_config.stable_fee_tiers"),
    ],
)
def test_lists_that_cannot_be_are_refused_by_field(rest: bytes, field: str) -> None:
    with pytest.raises(CorruptAccount) as caught:
        decode_fee_schedule(FEE_CONFIG, fee_config(rest))
    assert caught.value.field == field


def test_switches_past_the_end_of_a_short_config_are_off() -> None:
    (owner,) = GLOBAL_CONFIG_LAYOUT.owners
    data = bytearray(GLOBAL_CONFIG_LAYOUT.discriminator.ljust(949, b"\0"))
    data[56], data[940] = 1 << 3, 1
    long = decode_global_config(GLOBAL_CONFIG, Account(owner, bytes(data)))
    short = decode_global_config(GLOBAL_CONFIG, Account(owner, bytes(data[:907])))
    assert (long.buys_off, long.sells_off, long.creator_fee_configurable) == (True, False, True)
    assert (short.buys_off, short.creator_fee_configurable) == (True, False)


def test_canonical_is_who_the_bonding_curve_would_have_made_it() -> None:
    base = Pubkey("7LSsEoJGhLeZzGvDofTdNg7M3JttxQqGWNLo6vWMpump")
    assert is_canonical(creator=Pubkey("9XDYTfQKwW8sHPqnFdUreMmtmffmkHVPGTNV2e3LKxNW"), base_mint=base)
    assert not is_canonical(creator=WSOL, base_mint=base)


def test_market_cap_is_rounded_down() -> None:
    assert market_cap_floor(quote_reserve=10, base_reserve=3, supply=1) == 3
