"""What readers hand out: fresh, frozen objects that no later read changes."""

from dataclasses import dataclass
from enum import Enum

from shm.base58 import mint_text
from shm.layout import ENTRY, Flag, Role


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One accepted copy of an entry. Amounts are in the token's smallest unit."""

    index: int
    """Entry number; the external file's entries follow the internal file's."""
    input_mint: bytes
    output_mint: bytes
    input_amount: int
    output_amount: int
    ts_ns: int
    """Unix time the quote was made."""
    oracle_price: float
    """NaN when the oracle has none."""
    route_id: int
    slot: int
    dex_id: int
    source: int
    flags: Flag
    price_impact_ppm: int
    confidence_bps: int
    ttl_slots: int
    version: int

    @property
    def role(self) -> Role:
        """Which file the quote came from."""
        return Role.INTERNAL if self.index < ENTRY.count else Role.EXTERNAL

    @property
    def price(self) -> float:
        """Output per input, both in smallest units."""
        return self.output_amount / self.input_amount

    @property
    def is_stale(self) -> bool:
        """Whether the writer marked it as not to be acted on."""
        return Flag.STALE in self.flags

    @property
    def pair(self) -> tuple[str, str]:
        """Input and output mint as base58."""
        return mint_text(self.input_mint), mint_text(self.output_mint)
