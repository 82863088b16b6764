"""What a reader can say of a writer and of a handle."""

from enum import Enum


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
