"""One source's answer for one row, as the aggregator holds it: what scoring, shared memory and HTTP need of it.

Decoded once, on arrival, by `wire`. `message` is the answer as it came, opaque to everybody but `wire`, so that
encoding a row copies what the source said instead of rebuilding it.
"""

import enum
from dataclasses import dataclass

from quote_core.quotes import QuoteKey

__all__ = ["HeldQuote", "Refusal", "Source"]


class Source(enum.Enum):
    """Who answered; values are those of the `QuoteSource` message enum and of `source` in shared memory."""

    LOCAL = 1
    EXTERNAL = 2


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a source has no quote: canonical gRPC status name, and a message for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class HeldQuote:
    """One source's newest answer for one row; with `refusal` it carries no price.

    `state_mono_ns` is when the state behind the quote was current: now minus its age on arrival. `received_mono_ns`
    is the arrival. `depth_amount` is the input that moves the price by 1 %, 0 when unknown.
    """

    source: Source
    row: int
    key: QuoteKey
    output_amount: int
    slot: int
    route_id: int
    hop_count: int
    price_impact_fraction: float
    depth_amount: int
    oracle_price: float | None
    uptime: float
    dex_id: int
    is_stale: bool
    version: int
    quoted_unix_ns: int
    received_mono_ns: int
    state_mono_ns: int
    refusal: Refusal | None
    message: object
