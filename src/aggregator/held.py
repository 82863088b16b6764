"""One source's answer for one row, as the aggregator holds it: what scoring, shared memory and HTTP need of it.

Decoded and checked once, on arrival, by `upstream_wire`. A named tuple, as all that is made for every quote told or
taken: it is made in a quarter of the time of a frozen dataclass. `message` is the answer as it came, opaque to all but
the wire modules, so that encoding a row copies what the source said instead of rebuilding it.
"""

import enum
from dataclasses import dataclass
from typing import Final, NamedTuple

from quote_core.freshness import Freshness
from quote_core.quotes import QuoteKey

__all__ = ["IMPOSSIBLE", "HeldQuote", "Refusal", "Source"]

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
    message: object

    def as_stale(self) -> "HeldQuote":
        """The answer, no longer to be acted on."""
        return self._replace(is_stale=True)
