"""A claim as an executor knows it, and how old it and other things are by whichever clock can tell."""

from dataclasses import dataclass
from typing import Final

from quote_core.clock import AGE_UNKNOWN_NS, NO_MOMENT, Moment
from quote_core.events import Claim

__all__ = ["Begun", "Now"]

APART_NS_MAX: Final = 2_000_000_000
"""How far behind a message the stream's clock may seem to be before it is not believed."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A claim as this executor knows it.

    Attributes:
        claim: What was begun.
        stored_unix_ns: When, by the stream's clock; `AGE_UNKNOWN_NS` when this executor has not read it.
        known_mono_ns: When this executor knew of it, by its own.
    """

    claim: Claim
    stored_unix_ns: int
    known_mono_ns: int


@dataclass(frozen=True, slots=True)
class Now:
    """The present, as this host shows it and, if that is known, as the stream's clock does."""

    here: Moment
    stream_unix_ns: int | None

    def age_ns(self, then: Moment, *, stored_unix_ns: int) -> int:
        """Time since `then`: by the monotonic clock where it is ours, else since its message was stored.

        `AGE_UNKNOWN_NS` for what says nothing of its time, lies ahead, or cannot be compared.
        """
        if then == NO_MOMENT:
            return AGE_UNKNOWN_NS
        if then.boot_id and then.boot_id == self.here.boot_id:
            return then.age_ns(self.here)
        if self.stream_unix_ns is None:
            return AGE_UNKNOWN_NS
        age_ns = self.stream_unix_ns - stored_unix_ns
        return AGE_UNKNOWN_NS if age_ns < -APART_NS_MAX else max(0, age_ns)

    def since_begun_ns(self, begun: Begun) -> int:
        """Time since a claim; one of unknown age began when we heard of it, so that it keeps others out for a while."""
        age_ns = self.age_ns(begun.claim.begun, stored_unix_ns=begun.stored_unix_ns)
        known_ns = self.here.mono_ns - begun.known_mono_ns
        return known_ns if age_ns >= AGE_UNKNOWN_NS else max(age_ns, known_ns)
