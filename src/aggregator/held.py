"""One source's answer for one row as a value: what HTTP, the page, routes and spans need of it.

Decoded and checked once, on arrival, by `upstream_wire`, or made from the table's columns when somebody asks for one
quote. `message` is the answer as it came, encoded, which only the wire modules read: telling a row copies what the
source said instead of rebuilding it.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from quote_core.freshness import Freshness
from quote_core.quotes import QuoteKey, RouteHop

__all__ = ["IMPOSSIBLE", "Arrival", "HeldQuote", "HeldTotals", "Refusal", "Source", "WrittenQuote"]

IMPOSSIBLE: Final = "DATA_LOSS"
"""Code of the refusal that stands for an answer no quote can be."""


class Source(enum.IntEnum):
    """Who answered; values are those of the `QuoteSource` message enum and of `source` in shared memory."""

    LOCAL = 1
    EXTERNAL = 2


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a source has no quote: canonical gRPC status name, and a message for people."""

    code: str
    message: str


class HeldQuote(NamedTuple):
    """One source's newest answer for one row; with `refusal` it carries no price.

    `freshness` is the source's, unchanged. `is_stale` is what the source said, or that the answer has meanwhile grown
    older than its limit. `depth_amount` is the input that moves the price by 1 %, 0 when unknown. `oracle_price` is the
    source's own, whole output tokens per whole input token.
    """

    source: Source
    row: int
    key: QuoteKey
    output_amount: int
    route_id: int
    hop_count: int
    price_impact_fraction: float
    depth_amount: int
    oracle_price: float | None
    uptime: float
    dex_id: int
    is_stale: bool
    version: int
    freshness: Freshness
    refusal: Refusal | None
    route: tuple[RouteHop, ...]
    message: bytes

    def as_stale(self) -> "HeldQuote":
        """The answer, no longer to be acted on."""
        return self._replace(is_stale=True)


class Arrival(NamedTuple):
    """What a message did.

    Rows that now say something else, and rows only confirmed; the newest pool update that changes rest on, by
    CLOCK_MONOTONIC (0 = not known); answers that no quote can be; and of each group of quotes the last with a price.
    """

    changed: Sequence[int]
    confirmed: Sequence[int]
    pool_update_ns: int = 0
    impossible_count: int = 0
    routed: Sequence[HeldQuote] = ()


class WrittenQuote(NamedTuple):
    """A fresh quote that was written, and its confidence in the file."""

    source: Source
    row: int
    route_id: int
    input_amount: int
    output_amount: int
    confidence: float
    vouched_slot: int
    version: int


class HeldTotals(NamedTuple):
    """What one file holds, added up, as it was scored when it was written.

    `factor_sums` are in the order of `Factors`, `cap_counts` in that of `CapReason`.
    """

    fresh_count: int
    stale_count: int
    age_ns_max: int
    factor_sums: Sequence[float]
    cap_counts: Sequence[int]
