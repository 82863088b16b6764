"""Freshness: when a quote's state was last known true, and when it last changed. Two facts, one type.

It travels with the quote from the pool store through messages and events to the planner; `docs/freshness.md` says who
may vouch for what, and where each process reads it.
"""

from dataclasses import dataclass
from typing import Final

from quote_core.clock import NO_MOMENT, Moment

__all__ = ["FRESH", "FRESH_NS_MAX", "NEVER_VOUCHED", "Freshness"]

FRESH: Final = "5s"
"""What every setting that asks whether state is fresh has as its default: vouched for within this."""

FRESH_NS_MAX: Final = 5_000_000_000
"""The same in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """What is known of a state's place in time; all of it is told by whoever read the chain, nothing is stamped later.

    Attributes:
        vouched: When it was last known true: the *sending* of the request whose answer, of a chain that had advanced,
            showed it. Nothing can have been truer later than its age says.
        vouched_slot: The slot of that answer, or of a newer notification applied since.
        changed_unix_ns: Wall clock of the receipt of the last change; 0 = not known.
        changed_slot: The slot of the last change; 0 = not known.
        chain_unix_s: The chain's own time at `vouched_slot`, seconds since 1970; 0 = not known.
    """

    vouched: Moment
    vouched_slot: int
    changed_unix_ns: int = 0
    changed_slot: int = 0
    chain_unix_s: int = 0

    def age_ns(self, now: Moment) -> int:
        """Time since the state was last known true, in nanoseconds; see `Moment.age_ns` for what lies ahead."""
        return self.vouched.age_ns(now)


NEVER_VOUCHED: Final = Freshness(NO_MOMENT, 0)
