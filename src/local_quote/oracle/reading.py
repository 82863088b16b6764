"""What an oracle's source says of one token: the one type that chain accounts, streams and APIs all become.

A price is a float, as every oracle price here: it is compared and scored, and never becomes an amount. Exact integers
stay with whoever decodes them (`quote_core.dex.pyth`, `switchboard`, `lst_rates`).
"""

import enum
import math
from dataclasses import dataclass
from typing import Final

from quote_core.freshness import Freshness
from quote_core.quotes import Provenance

__all__ = ["PRICE_MAX", "PRICE_MIN", "PriceReading", "Refusal", "Source", "Unit", "checked_price"]

PRICE_MIN: Final = 1e-12
PRICE_MAX: Final = 1e12
"""No token costs so little, or so much, in dollars or in SOL: what lies outside is damaged, whatever it is."""


class Unit(enum.Enum):
    """What a price is in: dollars for a whole token, or whole SOL for one."""

    USD = "usd"
    SOL = "sol"


class Refusal(enum.Enum):
    """What was wrong with something a source told that is none of its prices."""

    UNREADABLE = "unreadable"
    PRICE = "price"
    FEED_ID = "feed_id"
    DECIMALS = "decimals"
    OLDER = "older"


class Source(enum.Enum):
    """Where prices come from, best first among those that are as good otherwise.

    `voice` is whose opinion it is. Pyth's stream and Pyth's account tell what the same publishers found, so that two of
    them outvote nobody.
    """

    RATE = ("rate", "rate")
    PYTH = ("pyth", "pyth")
    HERMES = ("hermes", "pyth")
    SWITCHBOARD = ("switchboard", "switchboard")
    JUPITER = ("jupiter", "jupiter")

    def __init__(self, label: str, voice: str) -> None:
        self.label = label
        self.voice = voice
        self.rank = len(type(self).__members__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceReading:
    """One source's newest price of one token.

    Attributes:
        source: Whose.
        price: Above zero, `PRICE_MIN` to `PRICE_MAX`, in `unit`.
        unit: Of the price.
        conf: Half width of the confidence interval, same unit; 0 = the source tells none, or is exact.
        freshness: When it was last known true here, by the monotonic clock: its arrival, or the read that vouches.
        published_unix_s: When its publisher made it, seconds since 1970; `None` = it does not tell.
        published_slot: The same as a slot of the chain.
        slots_max: Slots after which the publisher itself would not use it.
        epoch: The epoch it was worked out in, for what changes once an epoch.
        provenance: Where the account behind it comes from; `None` = it is no account.
        label: How users are told of it: the source's, or the kind of a staking token's own rate.
    """

    source: Source
    price: float
    unit: Unit
    conf: float = 0.0
    freshness: Freshness
    published_unix_s: int | None = None
    published_slot: int | None = None
    slots_max: int | None = None
    epoch: int | None = None
    provenance: Provenance | None = None
    label: str = ""

    @property
    def name(self) -> str:
        """How users are told of it."""
        return self.label or self.source.label


def checked_price(price: float, conf: float) -> str:
    """Why these cannot be a price and its interval; empty when they can."""
    if not (math.isfinite(price) and PRICE_MIN <= price <= PRICE_MAX):
        return f"must be a price from {PRICE_MIN:g} to {PRICE_MAX:g}"
    if not (math.isfinite(conf) and 0.0 <= conf <= PRICE_MAX):
        return f"must have a confidence interval of 0 to {PRICE_MAX:g}"
    return ""
