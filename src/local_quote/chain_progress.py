"""Whether the chain advances, and until when an answer of one of its slots vouches for what it shows. Does no I/O.

A node alone cannot be asked how late it is, so its slots are held against the monotonic clock. Three facts are kept:
when each slot was first seen, how long slots take, and by when the next ones were due.

| an answer of a slot                      | vouches as of                                                            |
|------------------------------------------|--------------------------------------------------------------------------|
| that is the newest seen                  | the sending of its request                                               |
| that was passed before                   | the moment the slot after it came, if that was before the sending        |
| that is due to be passed, by the clock   | the moment the one after it was due: a chain that stands still says less |
| after a regression, until caught up      | the moment the newest slot before it was seen: the chain went on unseen  |
| a regression, or impossible              | nothing                                                                  |

A slot came when it was seen, or earlier: slots that were seen faster than the chain makes them had been held up, by a
node that lagged or on the way, and what is told of the slots before is older than it looked then.

Due is generous: a chain may take twice its usual time. So one that stood still is believed once it has advanced for
about as long as it stood. Slots far behind the newest are a *regression*: another node behind the same address, or a
chain begun anew. Slots far ahead of what the clock allows are *impossible*, unless answers keep telling slots that
advance from there: an address that led to a node far behind, and now leads to one that is not.
"""

import enum
from collections import deque
from dataclasses import dataclass
from statistics import median_low
from typing import Final

from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["SLOTS_APART_MAX", "SLOT_NS_NOMINAL", "ChainProgress", "Sight"]

SLOT_NS_NOMINAL: Final = 400 * NS_PER_MS
SLOTS_APART_MAX: Final = 32
"""How far nodes behind one address may be apart, about 13 s; what lies further back is a regression."""

_DUE_SLOTS_LATE: Final = 2
_PATIENCE: Final = 2
_SLOT_NS_MIN: Final = 50 * NS_PER_MS
"""A chain whose pace is not known yet is not taken to be faster."""
_REMEMBERED_MAX: Final = SLOTS_APART_MAX + 1
_PACE_SLOTS_MIN: Final = 8
_PACE_SLOTS_MAX: Final = 63
_JUMP_ANSWERS_MIN: Final = 3
_JUMP_NS_MIN: Final = 2 * NS_PER_S
_CHAIN_TIME_NS_LATE: Final = 10 * NS_PER_S
"""The chain's own time is a median of its validators' and may be some seconds off."""


class Sight(enum.Enum):
    """What a slot that was seen says."""

    KNOWN = "known"
    ADVANCE = "advance"
    REGRESSION = "regression"
    IMPOSSIBLE = "impossible"


@dataclass(slots=True)
class _Jump:
    """Slots far ahead that answers tell: they are believed once they advance over a while."""

    slot: int
    since_mono_ns: int
    mono_ns: int
    advance_count: int = 0


class ChainProgress:
    """Fed with every slot that answers and slot notifications tell; slots of account notifications are only checked."""

    def __init__(self) -> None:
        self._passed: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED_MAX)
        self._slot_ns: deque[int] = deque(maxlen=_PACE_SLOTS_MAX)
        self._usual_ns = 0  # what a slot has been taking; 0 = not known yet
        self._ahead: tuple[int, int] = (0, 0)
        self._left_ns: int | None = None  # when the newest slot was seen that a regression led away from
        self._jump: _Jump | None = None
        self._chain_unix_s = 0
        self._chain_time_late_ns = 0
        self.slot = 0
        """The newest slot seen, 0 before the first."""
        self.told_slot = 0
        """The slot told last."""
        self.is_regressed = False
        self.regression_count = 0
        self.impossible_count = 0

    @property
    def has_advanced(self) -> bool:
        """Whether a slot was ever followed by a newer one: before, nothing tells a chain from a picture of one."""
        return len(self._passed) > 1

    @property
    def chain_unix_s(self) -> int:
        """The chain's own time as told last, 0 before the first."""
        return self._chain_unix_s

    def see(self, slot: int, mono_ns: int, *, is_answer: bool) -> Sight:
        """Take note of a slot seen at `mono_ns`; only answers can prove a jump ahead."""
        if not self._passed or (not self.has_advanced and slot < self.slot and is_answer):
            self._begin(slot, mono_ns)
            return Sight.ADVANCE
        if not self.is_possible(slot, mono_ns):
            self.impossible_count += 1
            if not is_answer or not self._is_jump_proven(slot, mono_ns):
                return Sight.IMPOSSIBLE
            self._begin(self.slot, mono_ns)
        if is_answer:
            self._jump = None
        self.told_slot = slot
        if slot > self.slot:
            self._advance(slot, mono_ns)
            self.is_regressed = False
            return Sight.ADVANCE
        was_regressed, self.is_regressed = self.is_regressed, self._is_regression(slot)
        if self.is_regressed and not was_regressed:
            self.regression_count += 1
            self._left_ns = self._passed[-1][1]
        return Sight.REGRESSION if self.is_regressed else Sight.KNOWN

    def see_chain_time(self, unix_s: int, *, now_unix_ns: int, is_real_time: bool) -> None:
        """Take note of the chain's own time; `is_real_time` when it is to be held against the wall clock."""
        self._chain_unix_s = unix_s
        late_ns = now_unix_ns - unix_s * NS_PER_S - _CHAIN_TIME_NS_LATE
        self._chain_time_late_ns = max(0, late_ns) if is_real_time else 0

    def is_possible(self, slot: int, mono_ns: int) -> bool:
        """Whether the chain can have come to a slot by now; true of every slot before the first was seen."""
        if not self._passed or slot <= self.slot + SLOTS_APART_MAX:
            return True
        elapsed_ns = max(0, mono_ns - self._passed[-1][1])
        return slot <= self.slot + SLOTS_APART_MAX + elapsed_ns // self._slot_ns_fastest()

    def vouched_mono_ns(self, slot: int, asked_mono_ns: int) -> int | None:
        """As of when an answer vouches for what it shows, never after `asked_mono_ns`; None = not at all."""
        if not self.has_advanced or slot > self.slot or slot < self._passed[0][0] or self._is_regression(slot):
            return None
        moment_ns = min(asked_mono_ns, self._due_mono_ns(slot)) - self._chain_time_late_ns
        if self._left_ns is not None:
            moment_ns = min(moment_ns, self._left_ns)
        if slot == self.slot:
            return moment_ns
        return min(moment_ns, self._passed_mono_ns(slot))

    def drift_slots(self, mono_ns: int) -> float:
        """How many slots the node is behind where clock, newest slot seen and chain's time would have it."""
        if not self._passed:
            return 0.0
        newest_slot, seen_ns = self._passed[-1]
        lag_ns = max(0, seen_ns - self._due_mono_ns(newest_slot)) + max(0, mono_ns - seen_ns - self._pace_ns())
        behind = max(0, self.slot - self.told_slot) if self.is_regressed else 0
        return behind + max(lag_ns, self._chain_time_late_ns) / SLOT_NS_NOMINAL

    def begin_anew(self) -> None:
        """Another chain: forget everything but the counts."""
        self._passed.clear()
        self._slot_ns.clear()
        self._usual_ns = 0
        self._jump = None
        self._chain_unix_s = self._chain_time_late_ns = 0
        self.slot = self.told_slot = 0
        self.is_regressed = False

    def _begin(self, slot: int, mono_ns: int) -> None:
        self._passed.clear()
        self._slot_ns.clear()
        self._usual_ns = 0
        self._passed.append((slot, mono_ns))
        self._ahead = (slot, mono_ns)
        self._left_ns = None
        self.slot = self.told_slot = slot
        self.is_regressed = False

    def _advance(self, slot: int, mono_ns: int) -> None:
        before_slot, before_ns = self._passed[-1]
        self._slot_ns.append(max(0, mono_ns - before_ns) // (slot - before_slot))
        self._usual_ns = median_low(self._slot_ns) if len(self._slot_ns) >= _PACE_SLOTS_MIN else 0
        self._passed.append((slot, mono_ns))
        self.slot = slot
        if len(self._slot_ns) < _PACE_SLOTS_MIN or mono_ns <= self._due_mono_ns(slot, late=0):
            self._ahead = (slot, mono_ns)
            self._left_ns = None

    def _is_regression(self, slot: int) -> bool:
        return slot < self.slot - SLOTS_APART_MAX

    def _pace_ns(self) -> int:
        """How long a slot takes: the chain's nominal time, or what it has been taking where that is more."""
        return max(SLOT_NS_NOMINAL, self._usual_ns)

    def _slot_ns_fastest(self) -> int:
        """A slot takes no less: half of what slots have been taking, or `_SLOT_NS_MIN`."""
        return max(1, min((self._usual_ns or SLOT_NS_NOMINAL) // 2, _SLOT_NS_MIN))

    def _due_mono_ns(self, slot: int, *, late: int = _DUE_SLOTS_LATE) -> int:
        """By when the slot after `slot` was due."""
        ahead_slot, ahead_ns = self._ahead
        return ahead_ns + max(0, slot + late - ahead_slot) * self._pace_ns() * _PATIENCE

    def _passed_mono_ns(self, slot: int) -> int:
        """When the slot after `slot` came, or, where that one was not seen, the last moment that is certain."""
        came_slot, came_ns = self._passed[-1]
        after_slot = came_slot
        for seen_slot, seen_ns in reversed(self._passed):
            if seen_slot <= slot:
                came_ns -= (came_slot - slot - 1) * self._usual_ns
                return came_ns if after_slot == slot + 1 else min(came_ns, seen_ns)
            if seen_ns - seen_slot * self._usual_ns < came_ns - came_slot * self._usual_ns:
                came_slot, came_ns = seen_slot, seen_ns
            after_slot = seen_slot
        raise AssertionError("slots before those remembered are asked for nowhere")

    def _is_jump_proven(self, slot: int, mono_ns: int) -> bool:
        jump = self._jump
        fastest = (mono_ns - jump.mono_ns) // self._slot_ns_fastest() + SLOTS_APART_MAX if jump is not None else 0
        if jump is None or not jump.slot - SLOTS_APART_MAX <= slot <= jump.slot + fastest:
            self._jump = _Jump(slot, mono_ns, mono_ns)
            return False
        if slot > jump.slot:
            jump.slot, jump.mono_ns = slot, mono_ns
            jump.advance_count += 1
        if jump.advance_count < _JUMP_ANSWERS_MIN or mono_ns - jump.since_mono_ns < _JUMP_NS_MIN:
            return False
        self.slot = slot - 1
        return True
