"""Names for plain integers, and the denominators they are counted against.

Money is an integer in the token's smallest unit everywhere; the two functions here are the only sanctioned way
between such an integer and the decimal text people write.
"""

import re
from decimal import Decimal, localcontext
from typing import Final, NewType

from quote_core.errors import InvalidField

__all__ = [
    "AMOUNT_MAX",
    "BPS",
    "I64_MAX",
    "LAMPORTS_PER_SOL",
    "NS_PER_MS",
    "NS_PER_S",
    "NS_PER_US",
    "PPM",
    "U32_MAX",
    "U64_MAX",
    "U128_MAX",
    "U256_MAX",
    "Pubkey",
    "amount_from_decimal",
    "decimal_from_amount",
    "is_plain_decimal",
]

Pubkey = NewType("Pubkey", str)
"""A Solana address in base58."""

BPS: Final = 10_000
PPM: Final = 1_000_000
LAMPORTS_PER_SOL: Final = 1_000_000_000
NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000
NS_PER_US: Final = 1_000
I64_MAX: Final = 2**63 - 1
U32_MAX: Final = 2**32 - 1
U64_MAX: Final = 2**64 - 1
U128_MAX: Final = 2**128 - 1
U256_MAX: Final = 2**256 - 1

AMOUNT_MAX: Final = I64_MAX
"""Most that a quote may give: what a signed profit of it still fits into. No token's supply comes near."""


def is_plain_decimal(text: str) -> bool:
    """Whether people everywhere read `text` as the same number: digits 0 to 9, at most one point, perhaps a minus.

    Python reads more: `1_5` as 15, digits of other scripts, `1e3`, `nan`.
    """
    return _PLAIN_DECIMAL.fullmatch(text) is not None


_PLAIN_DECIMAL: Final = re.compile(r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)")


def amount_from_decimal(text: str, decimals: int, *, field: str = "amount") -> int:
    """Read a decimal amount of whole tokens as smallest units, exactly.

    Raises:
        InvalidField: Not a plain decimal number, not above zero, finer than `decimals` places, or above u64.
    """
    if not is_plain_decimal(text):
        raise InvalidField(field, f"must be a plain decimal number such as 1.5, got {text!r}")
    value = Decimal(text)
    if value <= 0:
        raise InvalidField(field, f"must be above zero, got {text}")
    if value.adjusted() > 20:  # more digits than u64 has: refuse before building a huge integer
        raise InvalidField(field, "must fit in 64 bits of smallest units")
    with localcontext() as context:
        context.prec = 80
        scaled = value.scaleb(decimals)
        if scaled != scaled.to_integral_value():
            raise InvalidField(field, f"has more than the token's {decimals} decimal places: {text}")
    amount = int(scaled)
    if amount > U64_MAX:
        raise InvalidField(field, "must fit in 64 bits of smallest units")
    return amount


def decimal_from_amount(amount: int, decimals: int) -> Decimal:
    """Give an amount of smallest units as whole tokens, exactly, for people and logs."""
    return Decimal(amount).scaleb(-decimals)
