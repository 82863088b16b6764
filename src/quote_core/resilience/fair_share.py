"""One rate limit shared by two kinds of callers, so that neither can take the other's part.

Whoever is refused has a *claim*: until the time it was told to come back, and a little longer. While the other party
has a claim, a party that has been served more leaves it the tokens it waits for. So under constant demand of both, the
tokens are halved, however many each takes at once; a party alone gets them all; and nobody saves a share up by not
asking. Nobody queues: tokens are there for the caller, or it hears at once how long to wait. Pure but for the clock.

Source of the idea: start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996), with tokens served as virtual time.
"""

import enum
from dataclasses import dataclass
from typing import Final

from quote_core.clock import Clock
from quote_core.errors import RateLimited
from quote_core.resilience.rate_limit import RateLimiter
from quote_core.units import NS_PER_MS

__all__ = ["FairShare", "Party"]

_CLAIM_GRACE_NS: Final = 250 * NS_PER_MS
"""How late one who was told to come back may be before its turn is given away."""


class Party(enum.Enum):
    """Who asks."""

    ON_DEMAND = "on demand"
    REFRESH = "refresh"


@dataclass(slots=True)
class _Standing:
    """How many tokens a party has had, counted on from the other's where it did not ask; and what it waits for."""

    served_count: int = 0
    claimed_count: int = 0
    claimed_until_ns: int = 0


class FairShare:
    """Divides `limiter` between the two parties."""

    def __init__(self, limiter: RateLimiter, *, name: str, clock: Clock) -> None:
        self._limiter = limiter
        self._name = name
        self._clock = clock
        self._standings = {party: _Standing() for party in Party}

    def claim(self, party: Party, count: int = 1) -> int:
        """How long until `party` may take `count` tokens, in nanoseconds; above 0 it has a claim to them now."""
        standing, wait_ns = self._standings[party], self._wait_ns(party, count)
        if wait_ns > 0:
            if not self._has_claim(party):
                standing.served_count = self._counted_on(party)
            standing.claimed_count = count
            standing.claimed_until_ns = self._clock.mono_ns() + wait_ns + _CLAIM_GRACE_NS
        return wait_ns

    def reserve(self, party: Party, count: int = 1) -> None:
        """Take `count` tokens together, or none.

        Raises:
            RateLimited: They are not all there, or it is the other party's turn; carries the wait.
        """
        wait_ns = self.claim(party, count)
        if wait_ns > 0:
            raise RateLimited(self._name, -(-wait_ns // NS_PER_MS))
        self._limiter.reserve(count)
        standing = self._standings[party]
        standing.served_count = self._counted_on(party) + count
        standing.claimed_count = standing.claimed_until_ns = 0

    def give_back(self, party: Party, count: int) -> None:
        """Somebody behind the limiter did not grant what it reserved: `party` had nothing, and has a claim instead."""
        self._standings[party].served_count -= count
        self.claim(party, count)

    def _wait_ns(self, party: Party, count: int) -> int:
        own_ns = self._limiter.wait_ns(count)
        other = _other(party)
        if not self._has_claim(other) or self._counted_on(party) <= self._standings[other].served_count:
            return own_ns
        left_count = self._standings[other].claimed_count
        return max(own_ns, self._limiter.wait_ns(count + left_count))

    def _counted_on(self, party: Party) -> int:
        """What `party` counts as served: a party without a claim was away, and has no share left over from then."""
        served_count = self._standings[party].served_count
        if self._has_claim(party):
            return served_count
        return max(served_count, self._standings[_other(party)].served_count)

    def _has_claim(self, party: Party) -> bool:
        return self._clock.mono_ns() < self._standings[party].claimed_until_ns


def _other(party: Party) -> Party:
    return Party.REFRESH if party is Party.ON_DEMAND else Party.ON_DEMAND
