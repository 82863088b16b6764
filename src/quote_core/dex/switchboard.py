"""Switchboard On-Demand prices from pull feed accounts, 3,208 bytes.

| field                 | offset | |
|-----------------------|--------|------------------------------------------------------------------|
| feed hash             | 2120   | 32 bytes: what the oracles were asked to find out                |
| last update, i64      | 2216   | unix seconds                                                     |
| value, i128           | 2264   | median of the oracles' answers, scaled by 10^18                  |
| standard deviation    | 2280   | of those answers, i128, same scale; below zero is refused        |
| slot of the value u64 | 2368   | 0 = no value yet                                                 |
| max staleness u32     | 2392   | slots after which the feed's own program refuses the value       |

Whether a price is too old is the caller's decision. Source: switchboard-xyz/solana-sdk,
src/on_demand/accounts/pull_feed.rs.
"""

from dataclasses import dataclass
from typing import Final

from quote_core.dex.layout import AccountLayout, i64, i128, u32, u64, with_fields
from quote_core.dex.pool import Account
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

__all__ = ["SwitchboardPrice", "decode_pull_feed", "with_value"]

_LAYOUT: Final = AccountLayout(
    "pull_feed",
    frozenset({Pubkey("SBondMDrcV3K4kxZR1HNVT7osZxAHVHgYXL5Ze1oMUv")}),
    3_208,
    3_208,
    discriminator=bytes.fromhex("c41b6cc40ad7db28"),
)
_FEED_HASH: Final = slice(2_120, 2_152)
_LAST_UPDATE: Final = i64(2_216)
_VALUE: Final = i128(2_264)
_STD_DEV: Final = i128(2_280)
_SLOT: Final = u64(2_368)
_MAX_STALENESS: Final = u32(2_392)

_SCALE: Final = 10**18
_CONFIDENCE_DEVIATIONS: Final = 1.96
"""Standard deviations to either side that hold 95 % of answers, as Pyth's interval is meant to."""


@dataclass(frozen=True, slots=True)
class SwitchboardPrice:
    """One price: `value` and `std_dev` are in units of 10^-18."""

    feed_hash: str
    value: int
    std_dev: int
    slot: int
    slots_max: int
    last_update_unix_s: int

    @property
    def price(self) -> float:
        """The price as a number, for oracle use."""
        return self.value / _SCALE

    @property
    def conf(self) -> float:
        """Half width of the interval that holds 95 % of the oracles' answers, as a number."""
        return _CONFIDENCE_DEVIATIONS * self.std_dev / _SCALE


def decode_pull_feed(pubkey: Pubkey, account: Account) -> SwitchboardPrice:
    """Read the newest value.

    Raises:
        CorruptAccount: Not a pull feed, or one without a value above zero.
    """
    data = _LAYOUT.check(pubkey, account)
    value, std_dev, slot = _VALUE.read(data), _STD_DEV.read(data), _SLOT.read(data)
    if slot == 0:
        raise CorruptAccount(pubkey, "pull_feed.slot", "is 0: no oracle has told a value yet")
    if value <= 0:
        raise CorruptAccount(pubkey, "pull_feed.value", f"is {value}, not above zero")
    if std_dev < 0:
        raise CorruptAccount(pubkey, "pull_feed.std_dev", f"is {std_dev}, below zero")
    return SwitchboardPrice(
        feed_hash=data[_FEED_HASH].hex(),
        value=value,
        std_dev=std_dev,
        slot=slot,
        slots_max=_MAX_STALENESS.read(data),
        last_update_unix_s=_LAST_UPDATE.read(data),
    )


def with_value(data: bytes, price: SwitchboardPrice) -> bytes:
    """Copy a pull feed's data with another value told at another time; who told it, and the older ones, stay."""
    return with_fields(
        data,
        [
            (_VALUE, price.value),
            (_STD_DEV, price.std_dev),
            (_SLOT, price.slot),
            (_LAST_UPDATE, price.last_update_unix_s),
        ],
    )
