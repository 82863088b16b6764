"""The rules of gate, latch and manager on which it rests that nobody trades while stopped, each with its absence."""

from dataclasses import dataclass, replace
from typing import Any

from pipeline.system_manager import latch as latch_module
from pipeline.system_manager.latch import Latch
from pipeline.system_manager.registration import Registration
from pipeline.trading_gate import GateView, Heartbeat, LatchReading, TradingGate
from quote_core.events import KillSwitch


@dataclass(frozen=True, slots=True)
class Mutant:
    """`owner.name` replaced by `without` takes the rule away."""

    owner: Any
    name: str
    without: Any
    rule: str


def by_arrival(beat: Heartbeat, now: Any, silence_ns_max: int) -> bool:
    return bool(now.mono_ns - beat.heard_mono_ns < silence_ns_max)


def believed(view: GateView, beat: Heartbeat) -> GateView:
    reading = view.reading
    if reading is not None and (beat.switch.revision or 0) > (reading.latched.revision or 0):
        reading = replace(reading, latched=beat.switch)
    return replace(view, reading=reading, vouched=beat)


def whenever_asked(view: GateView, reading: LatchReading, *, asked_at_age: int, **others: Any) -> GateView:
    del asked_at_age
    return AFTER_READING(view, reading, asked_at_age=view.age, **others)


def without_vouching(view: GateView, **others: Any) -> Any:
    if view.reading is not None and view.vouched is None:
        view = replace(view, vouched=Heartbeat(view.reading.latched, others["now"], others["now"].mono_ns))
    return DECIDE(view, **others)


async def not_saved(latch: Latch) -> bool:
    del latch
    return True


def forgotten(latch: Latch, wanted: Any) -> KillSwitch:
    latch._stop = None
    stop = KEEP(latch, wanted)
    latch._stop = None
    return stop


AFTER_READING, DECIDE, KEEP = GateView.after_reading, GateView.decide, Latch._keep
READING_OF = LatchReading.of.__func__  # type: ignore[attr-defined]


async def anybody(registration: Registration) -> None:
    del registration


MUTANTS = [
    Mutant(Heartbeat, "is_recent", by_arrival, "a heartbeat counts by its sending"),
    Mutant(GateView, "after_heartbeat", believed, "a heartbeat never opens"),
    Mutant(GateView, "decide", without_vouching, "what was read must be vouched for"),
    Mutant(GateView, "after_reading", whenever_asked, "a reading asked for before does not count"),
    Mutant(TradingGate, "_notice_standing_still", lambda _: None, "standing still is noticed"),
    Mutant(
        LatchReading,
        "of",
        classmethod(lambda cls, latch, _: READING_OF(cls, latch, None)),
        "a stop request stops until it is latched",
    ),
    Mutant(latch_module, "_stops_seen", lambda *_: 2**64 - 1, "a stop request is latched"),
    Mutant(latch_module, "_believed", lambda event, _: event, "nobody else releases"),
    Mutant(Latch, "_save", not_saved, "a stop is on disk before it is acknowledged"),
    Mutant(Latch, "_keep", forgotten, "a stop is retried until it is stored"),
    Mutant(Registration, "hold", anybody, "a bus has one manager"),
]
