"""Why each rule of the protocol is there: the claim that breaks without it."""

from dataclasses import dataclass

from prove.claims import (
    Claim,
    crash_is_recovered,
    entry_is_never_torn,
    nothing_is_missed,
    scan_sees_what_head_announced,
    sets_are_of_one_moment,
    slot_can_be_spun_on,
)
from prove.protocol_model import Rule


@dataclass(frozen=True, slots=True)
class Necessity:
    """A claim that breaks when `without` is left out (and `instead` put in), and holds with only `spared` missing.

    Some rules are implied by a neighbour as long as that is there; then the neighbours are left out too, and
    `spared` says that they alone would not have broken this claim.
    """

    claim: Claim
    without: frozenset[Rule]
    instead: frozenset[Rule] = frozenset()
    spared: frozenset[Rule] = frozenset()


def needs(claim: Claim, rule: Rule, *implied_by: Rule) -> Necessity:
    """Declare one necessity."""
    return Necessity(claim, frozenset({rule, *implied_by}), spared=frozenset(implied_by))


NECESSITIES = (
    needs(entry_is_never_torn, Rule.FENCE_AFTER_ODD),
    needs(entry_is_never_torn, Rule.RELEASE_EVEN),
    needs(entry_is_never_torn, Rule.ACQUIRE_VERSION),
    needs(entry_is_never_torn, Rule.FENCE_BEFORE_CHECK),
    Necessity(entry_is_never_torn, frozenset({Rule.FENCE_AFTER_ODD}), instead=frozenset({Rule.SHORTCUT_RELEASE_ODD})),
    Necessity(
        entry_is_never_torn,
        frozenset({Rule.FENCE_BEFORE_CHECK}),
        instead=frozenset({Rule.SHORTCUT_ACQUIRE_CHECK}),
    ),
    needs(nothing_is_missed, Rule.SLOT_FENCE_AFTER_ODD),
    needs(nothing_is_missed, Rule.SLOT_FENCE_BEFORE_CHECK),
    needs(nothing_is_missed, Rule.ACQUIRE_HEAD),
    needs(nothing_is_missed, Rule.CURSOR_BEFORE_SCAN),
    needs(nothing_is_missed, Rule.SCAN_ADDS),
    needs(slot_can_be_spun_on, Rule.SLOT_RELEASE_EVEN),
    needs(slot_can_be_spun_on, Rule.SLOT_ACQUIRE_SEQ),
    needs(sets_are_of_one_moment, Rule.STORE_INTENT),
    needs(sets_are_of_one_moment, Rule.CHECK_HEAD_AGAIN),
    needs(crash_is_recovered, Rule.EMPTY_ODD_ENTRY),
    needs(crash_is_recovered, Rule.LAP_AT_RECOVERY),
    needs(scan_sees_what_head_announced, Rule.RELEASE_HEAD, Rule.SLOT_FENCE_AFTER_ODD),
    needs(sets_are_of_one_moment, Rule.FENCE_AFTER_SET, Rule.FENCE_BEFORE_CHECK, Rule.ACQUIRE_VERSION),
)

SPARE = frozenset({Rule.FENCE_AFTER_INTENT})
"""Cannot be missed while the entry's own orderings are there: its fence and its release store carry `intent` along."""
