"""Where the threads of this process are, again and again: Python stacks, for https://www.speedscope.app or Pyroscope.

A thread of its own looks at the others' stacks. It sees what the interpreter sees: compiled code has no frame, and its
time is its caller's; a thread that waits is seen in what it waits by. Choice and limits:
docs/decisions/0027-profiles.md.
"""

import contextlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, Final

from quote_core.clock import Clock
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["SAMPLES_PER_S", "StackProfile", "as_json", "sample_stacks", "turns_in_short"]

SAMPLES_PER_S: Final = 100
_DEPTH_MAX: Final = 256
"""Of a deeper stack the innermost frames count."""
_TURN_S: Final = 0.000_1
"""The longest a thread in Python code keeps another one waiting, usually 5 ms. A looker that waits so long would find
whatever takes less at its end: at the next wait, in the event loop."""
_WANTED_LOOKS_PER_S: Final = 1
_SCHEMA: Final = "https://www.speedscope.app/file-format-schema.json"


@dataclass(slots=True)
class _ThreadStacks:
    """The stacks of one thread, outermost frame first; equal neighbours are one."""

    name: str
    began_ns: int
    stacks: list[tuple[int, ...]] = field(default_factory=list)
    weights_ns: list[int] = field(default_factory=list)

    def add(self, stack: tuple[int, ...], weight_ns: int) -> None:
        if self.stacks and self.stacks[-1] == stack:
            self.weights_ns[-1] += weight_ns
        else:
            self.stacks.append(stack)
            self.weights_ns.append(weight_ns)


class StackProfile:
    """Collects stacks.

    Args:
        name: Of the profile, for people.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._frame_of_code: dict[int, int] = {}
        """By identity, which takes no hash of all that is in a function."""
        self._frames: list[tuple[CodeType, str]] = []
        self._threads: dict[int, _ThreadStacks] = {}
        self._elapsed_ns = 0
        self.sample_count = 0

    def add(self, tops: dict[int, FrameType], names: dict[int, str], *, weight_ns: int) -> None:
        """Take in where threads are.

        Args:
            tops: By thread, the innermost frame.
            names: Of the threads that have one; the first thread of a profile is shown first.
            weight_ns: The time since the threads were looked at before.
        """
        for identity, top in tops.items():
            thread = self._threads.get(identity)
            if thread is None:
                name = names.get(identity, f"thread {identity}")
                thread = self._threads[identity] = _ThreadStacks(name, self._elapsed_ns)
            thread.add(self._stack_of(top), weight_ns)
        self._elapsed_ns += weight_ns
        self.sample_count += 1

    def document(self) -> dict[str, Any]:
        """The profile in speedscope's format: one of its profiles a thread, weights in seconds."""
        frames = [
            {"name": f"{module}.{code.co_qualname}", "file": code.co_filename, "line": code.co_firstlineno}
            for code, module in self._frames
        ]
        return {
            "$schema": _SCHEMA,
            "exporter": "solquote",
            "name": self._name,
            "activeProfileIndex": 0,
            "shared": {"frames": frames},
            "profiles": [_as_sampled(thread) for thread in self._threads.values()],
        }

    def folded(self) -> bytes:
        """All of it as folded stacks: thread and frames, outermost first, with `;` between them, and milliseconds."""
        totals_ns: dict[tuple[str, tuple[int, ...]], int] = {}
        for thread in self._threads.values():
            for stack, weight_ns in zip(thread.stacks, thread.weights_ns, strict=True):
                key = thread.name, stack
                totals_ns[key] = totals_ns.get(key, 0) + weight_ns
        frames = [_folded_name(f"{module}.{code.co_qualname}") for code, module in self._frames]
        lines = []
        for (name, stack), total_ns in totals_ns.items():
            if count := round(total_ns / NS_PER_MS):
                lines.append(f"{';'.join((_folded_name(name), *(frames[index] for index in stack)))} {count}\n")
        return "".join(lines).encode()

    def _stack_of(self, top: FrameType) -> tuple[int, ...]:
        frame: FrameType | None = top
        stack: list[int] = []
        known = self._frame_of_code
        while frame is not None and len(stack) < _DEPTH_MAX:
            code = frame.f_code
            index = known.get(id(code))
            if index is None:
                index = known[id(code)] = len(known)
                self._frames.append((code, str(frame.f_globals.get("__name__", "?"))))
            stack.append(index)
            frame = frame.f_back
        return tuple(reversed(stack))


def sample_stacks(
    profile: StackProfile,
    *,
    seconds: float,
    clock: Clock,
    call_off: threading.Event,
    is_wanted: Callable[[], bool],
    samples_per_s: int = SAMPLES_PER_S,
) -> bool:
    """Look at all threads but the calling one until `seconds` have passed; whether it came to that.

    Args:
        profile: Takes what is seen, the main thread's stack first.
        seconds: For how long.
        clock: Weighs what is seen.
        call_off: Ends it at once.
        is_wanted: Asked about once a second; `False` ends it.
        samples_per_s: How often.
    """
    main, own = threading.main_thread().ident, threading.get_ident()
    last_ns = began_ns = clock.mono_ns()
    end_ns = began_ns + int(seconds * NS_PER_S)
    count = 0
    while last_ns < end_ns:
        count += 1
        due_ns = min(began_ns + count * NS_PER_S // samples_per_s, end_ns)
        if call_off.wait(max(0, due_ns - clock.mono_ns()) / NS_PER_S):
            return False
        if count % (samples_per_s // _WANTED_LOOKS_PER_S) == 0 and not is_wanted():
            return False
        names = {thread.ident or 0: thread.name for thread in threading.enumerate()}
        tops = sys._current_frames()  # noqa: SLF001  # the documented way to other threads' stacks, whatever its name
        now_ns = clock.mono_ns()
        del tops[own]
        if main in tops:
            tops = {main: tops.pop(main), **tops}
        profile.add(tops, names, weight_ns=now_ns - last_ns)
        del tops  # what a frame holds is given back where it was made
        last_ns = now_ns
        count = max(count, (now_ns - began_ns) * samples_per_s // NS_PER_S)  # what was missed is not made up for
    return True


@contextlib.contextmanager
def turns_in_short() -> Iterator[None]:
    """Have threads wait less for the interpreter: a looker is punctual, and hardly keeps the event loop waiting."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(min(before_s, _TURN_S))
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)


def as_json(document: dict[str, Any]) -> bytes:
    """A profile's file, written by Python code: the quick encoder would stop the event loop until its end."""
    return "".join(json.JSONEncoder(separators=(",", ":")).iterencode(document)).encode()


def _folded_name(name: str) -> str:
    return name.replace(";", ",")


def _as_sampled(thread: _ThreadStacks) -> dict[str, Any]:
    began_ns = thread.began_ns
    return {
        "type": "sampled",
        "name": thread.name,
        "unit": "seconds",
        "startValue": began_ns / NS_PER_S,
        "endValue": (began_ns + sum(thread.weights_ns)) / NS_PER_S,
        "samples": thread.stacks,
        "weights": [weight_ns / NS_PER_S for weight_ns in thread.weights_ns],
    }
