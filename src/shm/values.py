"""What a reader can say of a writer, of a handle and of what the tables hold."""

from dataclasses import dataclass
from enum import Enum
from typing import Required, TypedDict

from shm.base58 import mint_text


class Liveness(Enum):
    """What is known of a file's writer."""

    LIVE = "live"
    STARTING = "starting"
    HUNG = "hung or stopped"
    DEAD = "dead"
    CLOSED = "closed"
    RETIRED = "retired"
    ABSENT = "not there yet"


class HandleState(Enum):
    """Why the last truth test of a handle came out as it did."""

    LIVE = "live"
    NO_ENTRY = "no entry for the pair and amount"
    NOT_VALID = "entry without a quote"
    STALE = "marked stale by its writer"
    NOT_LIVE = "writer not live"
    BUSY = "being written by a writer that does not run"


@dataclass(frozen=True, slots=True)
class ListedPair:
    """A pair with entries in the tables, and the amounts quoted for it: smallest unit of the input token, ascending."""

    input_mint: bytes
    output_mint: bytes
    internal_amounts: tuple[int, ...]
    external_amounts: tuple[int, ...]

    @property
    def pair(self) -> tuple[str, str]:
        """Input and output mint as base58."""
        return mint_text(self.input_mint), mint_text(self.output_mint)


class QuoteValues(TypedDict, total=False):
    """What is published for one entry: the keywords of `publish`, `draft` and `put`.

    Amounts are in the token's smallest unit, 1 to 2**63 - 1; `ts_ns` is the Unix time the quote was vouched for;
    `oracle_price` is above zero, or NaN for none. What is left out is 0, and `kind` everything.
    """

    input_amount: Required[int]
    output_amount: Required[int]
    ts_ns: Required[int]
    oracle_price: float
    route_id: int
    slot: int
    dex_id: int
    source: int
    flags: int
    price_impact_ppm: int
    confidence_bps: int
    ttl_slots: int
    kind: int
