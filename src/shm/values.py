"""What a reader can say of a writer, of a handle and of what the tables hold."""

from dataclasses import dataclass
from enum import Enum

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
