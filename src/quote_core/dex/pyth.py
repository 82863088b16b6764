"""Pyth prices from `PriceUpdateV2` accounts, 134 bytes.

| field              | offset | |
|--------------------|--------|------------------------------------------------------------------|
| verification level | 40     | 1 = full; 0 = partial, which shifts the rest by one and is refused |
| feed id            | 41     | 32 bytes                                                         |
| price i64          | 73     | in units of 10^exponent                                          |
| conf u64           | 81     | half width of the confidence interval, same unit                 |
| exponent i32       | 89     |                                                                  |
| publish time i64   | 93     | unix seconds; that of the price before it follows at 101         |
| ema price i64      | 109    |                                                                  |
| posted slot u64    | 125    |                                                                  |

Whether a price is too old is the caller's decision. Source: pyth-network/pyth-crosschain,
target_chains/solana/pyth_solana_receiver_sdk/src/price_update.rs.
"""

from dataclasses import dataclass
from typing import Final

from quote_core.dex.layout import AccountLayout, i32, i64, u8, u64, with_fields
from quote_core.dex.pool import Account
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

__all__ = ["PythPrice", "decode_price_update", "with_price"]

_LAYOUT: Final = AccountLayout(
    "price_update",
    frozenset(
        {
            Pubkey("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ"),
            Pubkey("rec2HHDDnjLfj4kE7VyEtFA1HPGQLK33259532cRyHp"),  # a second deployment of the receiver
        }
    ),
    134,
    134,
    discriminator=bytes.fromhex("22f123639d7ef4cd"),
)
_VERIFICATION_LEVEL: Final = u8(40)
_VERIFIED_FULLY: Final = 1
_FEED_ID: Final = slice(41, 73)
_PRICE: Final = i64(73)
_CONF: Final = u64(81)
_EXPONENT: Final = i32(89)
_PUBLISH_TIME: Final = i64(93)
_PREV_PUBLISH_TIME: Final = i64(101)
_EMA_PRICE: Final = i64(109)
_POSTED_SLOT: Final = u64(125)

_EXPONENT_MIN: Final = -18  # far outside what any feed uses; bounds the powers of ten computed from it
_EXPONENT_MAX: Final = 18


@dataclass(frozen=True, slots=True)
class PythPrice:
    """One price: the number is `price * 10**exponent`, plus or minus `conf * 10**exponent`."""

    feed_id: str
    price: int
    conf: int
    exponent: int
    publish_time: int
    posted_slot: int
    ema_price: int

    @property
    def value(self) -> float:
        """The price as a number, for oracle use."""
        return float(self.price * 10.0**self.exponent)

    @property
    def conf_value(self) -> float:
        """The half width of the confidence interval as a number."""
        return float(self.conf * 10.0**self.exponent)


def decode_price_update(pubkey: Pubkey, account: Account) -> PythPrice:
    """Read a fully verified price.

    Raises:
        CorruptAccount: Not a price update, verified only in part, or a price that is not above zero.
    """
    data = _LAYOUT.check(pubkey, account)
    level = _VERIFICATION_LEVEL.read(data)
    if level != _VERIFIED_FULLY:
        raise CorruptAccount(pubkey, "price_update.verification_level", f"is {level}, not {_VERIFIED_FULLY} (full)")
    price, exponent = _PRICE.read(data), _EXPONENT.read(data)
    if price <= 0:
        raise CorruptAccount(pubkey, "price_update.price", f"is {price}, not above zero")
    if not _EXPONENT_MIN <= exponent <= _EXPONENT_MAX:
        raise CorruptAccount(pubkey, "price_update.exponent", f"is {exponent}, not {_EXPONENT_MIN} to {_EXPONENT_MAX}")
    return PythPrice(
        feed_id=data[_FEED_ID].hex(),
        price=price,
        conf=_CONF.read(data),
        exponent=exponent,
        publish_time=_PUBLISH_TIME.read(data),
        posted_slot=_POSTED_SLOT.read(data),
        ema_price=_EMA_PRICE.read(data),
    )


def with_price(data: bytes, price: PythPrice) -> bytes:
    """Copy a price update's data with the next price of the same feed; its exponent and ema_conf stay."""
    return with_fields(
        data,
        [
            (_PRICE, price.price),
            (_CONF, price.conf),
            (_PUBLISH_TIME, price.publish_time),
            (_PREV_PUBLISH_TIME, _PUBLISH_TIME.read(data)),
            (_EMA_PRICE, price.ema_price),
            (_POSTED_SLOT, price.posted_slot),
        ],
    )
