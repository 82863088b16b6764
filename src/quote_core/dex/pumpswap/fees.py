"""PumpSwap's fee schedule: which lp, protocol and creator rates a pool charges now.

The schedule is the fee program's FeeConfig, not the constants in GlobalConfig. A pool that came from the bonding curve
(canonical) pays by the tier its market cap falls in; any other pays flat rates. Which pools count as canonical is the
least certain rule: it is `is_canonical` and nothing else.

FeeConfig: flat lp, protocol, creator u64 at 41, 49, 57; then a u32 count and tiers of {market cap u128, three rates
u64}; then the same for pools quoted in a stable coin; then three flat rates for other quote tokens. Newer parts may be
missing from an older account, the rest of a longer one is zero padding.

Source: pump-fun/pump-public-docs (fee program README and IDL).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from quote_core.dex.fixed_point import mul_div_ceil, mul_div_floor
from quote_core.dex.layout import AccountLayout, derived_address, key_bytes, u8, u32, u64, u128
from quote_core.dex.pool import Account
from quote_core.errors import CorruptAccount
from quote_core.units import BPS, Pubkey

__all__ = [
    "FEE_CONFIG",
    "FEE_CONFIG_LAYOUT",
    "GLOBAL_CONFIG",
    "GLOBAL_CONFIG_LAYOUT",
    "FeeRates",
    "FeeSchedule",
    "GlobalConfig",
    "decode_fee_schedule",
    "decode_global_config",
    "is_canonical",
    "market_cap_floor",
]

FEE_CONFIG: Final = Pubkey("5PHirr8joyTMp9JMm6nW7hNDVyEYdkzDqazxPD7RaTjx")
GLOBAL_CONFIG: Final = Pubkey("ADyA8hdefvWN2dbGGWFotbzWxrAvLW83WG6QCVXvJKqw")

_BONDING_CURVE_PROGRAM: Final = Pubkey("6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P")
_WSOL_MINT: Final = Pubkey("So11111111111111111111111111111111111111112")
_USDC_MINT: Final = Pubkey("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")

_CONFIG_SIZE_BYTES_MAX: Final = 64 * 1024  # configs grow with new fields; this is far beyond any seen

FEE_CONFIG_LAYOUT: Final = AccountLayout(
    "fee_config",
    frozenset({Pubkey("pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ")}),
    73,
    _CONFIG_SIZE_BYTES_MAX,
    bytes.fromhex("8f3492bbdb7b4c9b"),
)
_FLAT_OFFSET: Final = 41
_TIERS_OFFSET: Final = 65
_TIER_SIZE_BYTES: Final = 40
_RATES_SIZE_BYTES: Final = 24

GLOBAL_CONFIG_LAYOUT: Final = AccountLayout(
    "global_config",
    frozenset({Pubkey("pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA")}),
    907,
    _CONFIG_SIZE_BYTES_MAX,
    bytes.fromhex("95089ccaa0fcb0d9"),
)
_DISABLE_FLAGS: Final = u8(56)
_BUYS_OFF_BIT: Final = 1 << 3
_SELLS_OFF_BIT: Final = 1 << 4
_CREATOR_FEE_CONFIGURABLE: Final = u8(940)


@dataclass(frozen=True, slots=True)
class FeeRates:
    """Three rates in basis points; each fee is rounded up on its own."""

    lp_bps: int
    protocol_bps: int
    creator_bps: int

    @property
    def total_bps(self) -> int:
        """The three together."""
        return self.lp_bps + self.protocol_bps + self.creator_bps

    def lp_fee(self, quote_amount: int) -> int:
        """What stays in the quote vault."""
        return mul_div_ceil(quote_amount, self.lp_bps, BPS)

    def total_fee(self, quote_amount: int) -> int:
        """All three fees on `quote_amount`."""
        return (
            self.lp_fee(quote_amount)
            + mul_div_ceil(quote_amount, self.protocol_bps, BPS)
            + mul_div_ceil(quote_amount, self.creator_bps, BPS)
        )


_ZERO_RATES: Final = FeeRates(0, 0, 0)


@dataclass(frozen=True, slots=True)
class FeeTier:
    """Rates from a market cap on, in quote units."""

    market_cap_min: int
    rates: FeeRates


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """FeeConfig as read."""

    flat: FeeRates
    tiers: tuple[FeeTier, ...]
    stable_tiers: tuple[FeeTier, ...]
    exotic_flat: FeeRates

    def rates(self, *, canonical: bool, quote_mint: Pubkey, market_cap: int) -> FeeRates:
        """Give the rates of a pool at its market cap before the trade."""
        if not canonical:
            return self.flat
        if quote_mint == _WSOL_MINT:
            return self._tier_rates(self.tiers, market_cap)
        if quote_mint == _USDC_MINT:
            return self._tier_rates(self.stable_tiers or self.tiers, market_cap)
        return self.flat if self.exotic_flat == _ZERO_RATES else self.exotic_flat

    def _tier_rates(self, tiers: tuple[FeeTier, ...], market_cap: int) -> FeeRates:
        """The highest threshold reached; the first tier below all of them."""
        if not tiers:
            return self.flat
        reached = (tier.rates for tier in reversed(tiers) if market_cap >= tier.market_cap_min)
        return next(reached, tiers[0].rates)


@dataclass(frozen=True, slots=True)
class GlobalConfig:
    """The switches of GlobalConfig that decide a swap."""

    buys_off: bool
    sells_off: bool
    creator_fee_configurable: bool


def is_canonical(*, creator: Pubkey, base_mint: Pubkey) -> bool:
    """Say whether the bonding-curve program made the pool: its creator is that program's authority for the token.

    The documented rule. Replays of executed buys suggest that a non-canonical pool with a coin creator may be charged
    by tier as well; until the program's source settles it, the documented rule stands.
    """
    return creator == derived_address(_BONDING_CURVE_PROGRAM, b"pool-authority", key_bytes(base_mint))


def market_cap_floor(*, quote_reserve: int, base_reserve: int, supply: int) -> int:
    """Value all base tokens at the pool's price, in quote units, rounded down; `base_reserve` is above zero."""
    return mul_div_floor(quote_reserve, supply, base_reserve)


def decode_global_config(pubkey: Pubkey, account: Account) -> GlobalConfig:
    """Read GlobalConfig; fields past the end of a shorter account are off.

    Raises:
        CorruptAccount: Not a GlobalConfig.
    """
    data = GLOBAL_CONFIG_LAYOUT.check(pubkey, account)
    flags = _DISABLE_FLAGS.read(data)
    return GlobalConfig(
        buys_off=bool(flags & _BUYS_OFF_BIT),
        sells_off=bool(flags & _SELLS_OFF_BIT),
        creator_fee_configurable=_CREATOR_FEE_CONFIGURABLE.read(data) != 0,
    )


def decode_fee_schedule(pubkey: Pubkey, account: Account) -> FeeSchedule:
    """Read FeeConfig.

    Raises:
        CorruptAccount: Not a FeeConfig, a list runs past the end, or rates take the whole trade.
    """
    return _read_schedule(pubkey, FEE_CONFIG_LAYOUT.check(pubkey, account))


@lru_cache(maxsize=4)
def _read_schedule(pubkey: Pubkey, data: bytes) -> FeeSchedule:
    """The one that every pool of the program rests on."""
    tiers, stable_offset = _read_tiers(pubkey, data, _TIERS_OFFSET, "fee_tiers")
    stable_tiers, exotic_offset = _read_tiers(pubkey, data, stable_offset, "stable_fee_tiers")
    return FeeSchedule(
        flat=_read_rates(pubkey, data, _FLAT_OFFSET, "flat_fees"),
        tiers=tiers,
        stable_tiers=stable_tiers,
        exotic_flat=_read_rates(pubkey, data, exotic_offset, "exotic_flat_fees"),
    )


def _read_tiers(pubkey: Pubkey, data: bytes, offset: int, field: str) -> tuple[tuple[FeeTier, ...], int]:
    """Read a counted list; give it and the offset behind it. A count past the end reads as zero."""
    count = u32(offset).read(data)
    first_offset = offset + 4
    end_offset = first_offset + count * _TIER_SIZE_BYTES
    if count and end_offset > len(data):
        raise CorruptAccount(pubkey, f"fee_config.{field}", f"names {count} tiers, more than the account holds")
    tiers = tuple(
        FeeTier(u128(tier_offset).read(data), _read_rates(pubkey, data, tier_offset + 16, field))
        for tier_offset in range(first_offset, end_offset, _TIER_SIZE_BYTES)
    )
    return tiers, end_offset


def _read_rates(pubkey: Pubkey, data: bytes, offset: int, field: str) -> FeeRates:
    if offset + _RATES_SIZE_BYTES > len(data):
        return _ZERO_RATES
    rates = FeeRates(u64(offset).read(data), u64(offset + 8).read(data), u64(offset + 16).read(data))
    if rates.total_bps >= BPS:
        raise CorruptAccount(pubkey, f"fee_config.{field}", f"take {rates.total_bps} of {BPS} basis points")
    return rates
