"""Judges answered quotes by the truth. Does no I/O.

For every answered quote, with the slot S, the vouched time V (CLOCK_MONOTONIC, "this state was the newest then") and
the age it tells:

- It is *right* when its pool, with the accounts of slot S, gives the told output for the input, to the last unit. Where
  a price moves with time alone, at the chain's time of S or at one within `clock_lag_s_max` of it, for a service knows
  the time only as of its last reading.
- It is *younger than the truth* when, before V, a later slot had changed the pool so that it gives something else, and
  that slot was to be seen at the node behind: the time by which V comes too late. Slots are timed at the proxy before
  it shows them, so nothing has to be allowed for ways and queues; `tolerance_ns` is for the host's scheduling alone.
  A node that *lags* is the exception: it shows a consistent chain, only late, which nobody who asks it alone can
  tell. For as long as it may have answered, its lag is allowed for; `younger_by_ns` still tells the whole time.
- It is *dead* when its slot is of a fork, the service has said that it knows of the slot that took that one back
  (`known_slot`), and the state the chain went on from gives something else. Before, it is a quote of the chain as it
  is shown. `dead_by_ns` tells how long after that slot came it was answered, known or not.
- Its age is *understated* when less than the time from V to the asking: only for quotes that were asked for one by one,
  where the time of asking is known.

Only what is marked fresh must be right and not dead; no age may be younger than the truth or understated, of fresh and
stale alike.
"""

from dataclasses import dataclass, field
from typing import Final

from hostile.truth import Truth

from quote_core.units import NS_PER_S, Pubkey

__all__ = ["Answered", "Checker", "Limits", "Tally", "Verdict"]

_NS_PER_MS: Final = 1_000_000
_ROUNDING_NS: Final = _NS_PER_MS
"""Told ages are whole milliseconds, rounded down."""
_EXAMPLES_MAX: Final = 5
_NEARBY_SLOTS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A quote as it was answered; `asked_mono_ns` is None when it came by a stream."""

    pool_id: Pubkey
    protocol: str
    input_mint: Pubkey
    input_amount: int
    output_amount: int
    slot: int
    is_stale: bool
    told_age_ns: int
    vouched_mono_ns: int
    received_mono_ns: int
    asked_mono_ns: int | None = None
    known_slot: int = 0
    """Of the slots that took others back, the last that the service had said it knew of before it answered."""

    @property
    def answered_mono_ns(self) -> int:
        """When it was answered, by what it tells itself; at most a millisecond early."""
        return self.vouched_mono_ns + self.told_age_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is allowed."""

    clock_lag_s_max: int
    tolerance_ns: int
    stale_after_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found about one quote; times are 0 where nothing is wrong."""

    is_right: bool
    clock_lag_s: int
    younger_by_ns: int
    understated_ns: int
    is_dead: bool
    dead_by_ns: int


@dataclass(slots=True)
class Tally:
    """What was found while one fault lasted."""

    checked_count: int = 0
    fresh_count: int = 0
    stale_count: int = 0
    refused_count: int = 0
    failed_count: int = 0
    wrong_fresh_count: int = 0
    wrong_stale_count: int = 0
    age_violation_count: int = 0
    understated_count: int = 0
    fresh_beyond_limit_count: int = 0
    dead_count: int = 0
    dead_by_ns_max: int = 0
    younger_by_ns_max: int = 0
    clock_lag_s_max: int = 0
    asked_count: int = 0
    asked_fresh_count: int = 0
    asked_stale_count: int = 0
    seconds: float = 0.0
    recovery_s_max: float = 0.0
    resident_bytes_max: int = 0
    """Of the service, with the node healthy again."""
    forks_unnoticed_count: int = 0
    unrecovered: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    @property
    def fault_count(self) -> int:
        """How often a promise was broken."""
        return (
            self.wrong_fresh_count
            + self.dead_count
            + self.age_violation_count
            + self.understated_count
            + self.fresh_beyond_limit_count
        )

    @property
    def is_broken(self) -> bool:
        """Whether any promise was broken, of quotes or of the service as a whole."""
        return bool(self.fault_count or self.unrecovered or self.forks_unnoticed_count)


class Checker:
    """Judges quotes and counts them by fault."""

    def __init__(self, truth: Truth, limits: Limits) -> None:
        self._truth = truth
        self._limits = limits

    def judge(self, quote: Answered) -> Verdict:
        """Compare one quote with the truth; the truth must have come at least to the time it was received."""
        lag_s = self._gives(quote, quote.slot)
        younger_by_ns = 0
        if lag_s is not None:
            younger_by_ns = self._younger_by_ns(quote)
        understated_ns = 0
        if quote.asked_mono_ns is not None:
            least_ns = quote.asked_mono_ns - quote.vouched_mono_ns
            understated_ns = max(0, least_ns - quote.told_age_ns - _ROUNDING_NS)
        taken_back_by = None if quote.is_stale or lag_s is None else self._taken_back_by(quote)
        return Verdict(
            is_right=lag_s is not None,
            clock_lag_s=abs(lag_s or 0),
            younger_by_ns=younger_by_ns,
            understated_ns=understated_ns,
            is_dead=taken_back_by is not None and taken_back_by <= quote.known_slot,
            dead_by_ns=0 if taken_back_by is None else self._since_ns(taken_back_by, quote.answered_mono_ns),
        )

    def count(self, quote: Answered, tally: Tally, *, unknowable_ns: int) -> Verdict:
        """Judge a quote and add it up; `unknowable_ns` is the lag no client could know of."""
        verdict = self.judge(quote)
        tally.checked_count += 1
        if quote.is_stale:
            tally.stale_count += 1
        else:
            tally.fresh_count += 1
        problems = []
        if not verdict.is_right:
            if quote.is_stale:
                tally.wrong_stale_count += 1
            else:
                tally.wrong_fresh_count += 1
                problems.append("wrong, marked fresh")
        if verdict.is_dead:
            tally.dead_count += 1
            problems.append("marked fresh, of a slot that a fork took back, as the service had said before")
        tally.dead_by_ns_max = max(tally.dead_by_ns_max, verdict.dead_by_ns)
        tally.younger_by_ns_max = max(tally.younger_by_ns_max, verdict.younger_by_ns)
        tally.clock_lag_s_max = max(tally.clock_lag_s_max, verdict.clock_lag_s)
        if verdict.younger_by_ns > self._limits.tolerance_ns + unknowable_ns:
            tally.age_violation_count += 1
            problems.append(f"younger than the truth by {verdict.younger_by_ns / NS_PER_S:.3f} s")
        if verdict.understated_ns > 0:
            tally.understated_count += 1
            problems.append(f"age understated by {verdict.understated_ns / NS_PER_S:.3f} s")
        if not quote.is_stale and quote.told_age_ns > self._limits.stale_after_ns:
            tally.fresh_beyond_limit_count += 1
            problems.append("fresh although told to be older than the limit")
        if problems and len(tally.examples) < _EXAMPLES_MAX:
            if not verdict.is_right:
                problems.append(self._explained(quote))
            tally.examples.append(f"{', '.join(problems)}: {quote}, newest slot {self._truth.slot}")
        return verdict

    def _taken_back_by(self, quote: Answered) -> int | None:
        """The slot that took the quote's state back; None where the chain went on from one that gives the same."""
        taken_back_by = self._truth.taken_back_by(quote.slot)
        standing_slot = self._truth.standing_slot(quote.slot)
        if taken_back_by is None or self._gives(quote, standing_slot, clock_slot=quote.slot) is not None:
            return None
        return taken_back_by

    def _since_ns(self, slot: int, mono_ns: int) -> int:
        came_mono_ns = self._truth.newest_since_mono_ns(slot)
        return 0 if came_mono_ns is None else max(0, mono_ns - came_mono_ns)

    def _gives(self, quote: Answered, slot: int, *, clock_slot: int | None = None) -> int | None:
        return self._truth.gives(
            quote.pool_id,
            slot,
            quote.input_mint,
            quote.input_amount,
            quote.output_amount,
            clock_lag_s_max=self._limits.clock_lag_s_max,
            clock_slot=clock_slot,
        )

    def _explained(self, quote: Answered) -> str:
        """At which slot nearby a wrong quote would be right."""
        for distance in range(1, _NEARBY_SLOTS):
            for slot in (quote.slot - distance, quote.slot + distance):
                if self._gives(quote, slot) is not None:
                    return f"right {slot - quote.slot:+d} slots from the one it tells"
        return "at no slot nearby either"

    def _younger_by_ns(self, quote: Answered) -> int:
        for slot in self._truth.changes_after(quote.pool_id, quote.slot):
            came_mono_ns = self._truth.newest_since_mono_ns(slot)
            if came_mono_ns is not None and came_mono_ns >= quote.vouched_mono_ns:
                return 0
            if self._was_taken_back(slot, quote.vouched_mono_ns):
                continue
            if self._gives(quote, slot) is None:
                return quote.vouched_mono_ns - (came_mono_ns or 0) if came_mono_ns is not None else 0
        return 0

    def _was_taken_back(self, slot: int, mono_ns: int) -> bool:
        """Whether the slot was no longer the chain's at a time, and what it changed was as before."""
        taken_back_by = self._truth.taken_back_by(slot)
        came_mono_ns = None if taken_back_by is None else self._truth.newest_since_mono_ns(taken_back_by)
        return came_mono_ns is not None and came_mono_ns < mono_ns
