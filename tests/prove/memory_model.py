"""A small machine with C11 release/acquire semantics, and every outcome it allows.

View-based, after "promising" semantics without promises: a store is a message that carries a view (for each location,
the oldest message still to be read); a relaxed load may take any message its thread's view does not forbid, and fences
and acquire loads move views. Readers of the quote table never store and the writer never waits for them, so no promise
and no interleaving is needed: running the writer to its end and then letting the reader pick among all old messages
gives every outcome there is, load by load.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

View = dict[str, int]
Result = TypeVar("Result")


def join(view: View, other: View) -> None:
    """Move a view forward to cover another."""
    for location, position in other.items():
        if position > view.get(location, 0):
            view[location] = position


@dataclass(frozen=True, slots=True)
class Message:
    """One store: its value, and what a reader that acquires it must have seen."""

    value: int
    view: View


@dataclass(slots=True)
class Memory:
    """All messages of each location in modification order; location 0 is zero-initialised, as a new file is."""

    messages: dict[str, list[Message]] = field(default_factory=dict)
    contents: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    """For the judge only: the payload that belongs to an entry's even version."""

    def of(self, location: str) -> list[Message]:
        """Messages of a location, oldest first."""
        return self.messages.setdefault(location, [Message(0, {})])


class Crash(Exception):
    """The writer was killed after its last allowed store."""


@dataclass(slots=True)
class Writer:
    """The one thread that stores; `stores_left` kills it before the store after that many."""

    memory: Memory
    stores_left: int = 1_000_000
    current: View = field(default_factory=dict)
    released: View = field(default_factory=dict)

    def store(self, location: str, value: int, *, release: bool = False) -> None:
        """Append a message; a release store carries all this thread has done, a relaxed one what its last fence saw."""
        if self.stores_left == 0:
            raise Crash
        self.stores_left -= 1
        messages = self.memory.of(location)
        self.current[location] = len(messages)
        view = dict(self.current if release else self.released)
        view[location] = len(messages)
        messages.append(Message(value, view))

    def fence(self) -> None:
        """Release fence: later stores carry what was done so far."""
        self.released = dict(self.current)

    def own(self, location: str) -> int:
        """The newest value, which a writer that holds the lock always sees."""
        return self.memory.of(location)[-1].value


@dataclass(slots=True)
class Reader:
    """One run of a reading thread; `script` fixes the first picks, further ones take the oldest message allowed."""

    memory: Memory
    script: list[int]
    picks: list[tuple[int, int]] = field(default_factory=list)
    current: View = field(default_factory=dict)
    to_acquire: View = field(default_factory=dict)

    def load(self, location: str, *, acquire: bool = False) -> int:
        """Take one of the messages the view allows."""
        messages = self.memory.of(location)
        oldest = self.current.get(location, 0)
        step = len(self.picks)
        pick = self.script[step] if step < len(self.script) else 0
        self.picks.append((pick, len(messages) - oldest))
        message = messages[oldest + pick]
        self.current[location] = oldest + pick
        join(self.current if acquire else self.to_acquire, message.view)
        return message.value

    def fence(self) -> None:
        """Acquire fence: what relaxed loads carried now binds later loads."""
        join(self.current, self.to_acquire)


def outcomes(memory: Memory, program: Callable[[Reader], Result]) -> Iterator[Result]:
    """Run a reading program once for every combination of messages it may see."""
    script: list[int] = []
    while True:
        reader = Reader(memory, script)
        yield program(reader)
        picks = reader.picks
        while picks and picks[-1][0] + 1 == picks[-1][1]:
            picks.pop()
        if not picks:
            return
        script = [pick for pick, _ in picks[:-1]] + [picks[-1][0] + 1]
