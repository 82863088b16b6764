"""What processes that share a provider ask of a shared cache: values with their ages, whose turn it is, and tokens.

Two answer to it: `IN_PROCESS`, which is what there is unless Redis is set, and `RedisCache`. In one process all is
shared already, by what the process keeps itself; so there the shared cache knows of no value, everybody's turn has
come, and it counts no tokens. A Redis that does not do its part answers in the same way: nothing is refused for its
sake.

Ages cross hosts by the clock of the server that keeps the values. An `Instant` is one exchange with it; whatever this
process knows by its own CLOCK_MONOTONIC becomes a stamp of the server's by an exchange that was over, and a stamp
comes back to CLOCK_MONOTONIC by one that had not begun. Both err to the older side, by the way to the server and back
at most.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from quote_core.telemetry.histogram import CALL_BOUNDS_S, Histogram
from quote_core.units import NS_PER_US

__all__ = [
    "IN_PROCESS",
    "CacheCounts",
    "InProcessCache",
    "Instant",
    "Kept",
    "Look",
    "News",
    "SharedCache",
    "Taken",
    "Turn",
]


@dataclass(frozen=True, slots=True)
class Instant:
    """The server's clock, read while this process's went from `sent_mono_ns` to `heard_mono_ns`."""

    server_us: int
    sent_mono_ns: int
    heard_mono_ns: int

    def stamp_us(self, mono_ns: int) -> int:
        """What the server's clock showed at `mono_ns` of ours, or somewhat earlier."""
        return self.server_us + (mono_ns - self.heard_mono_ns) // NS_PER_US

    def mono_ns(self, stamp_us: int) -> int | None:
        """What our clock showed at `stamp_us` of the server's, or somewhat earlier; None = that lies ahead."""
        if stamp_us > self.server_us:
            return None
        # The server's clock had begun the microsecond that it showed.
        return self.sent_mono_ns - (self.server_us + 1 - stamp_us) * NS_PER_US


@dataclass(frozen=True, slots=True)
class Kept:
    """A value, and the exchange that placed it in time."""

    value: bytes
    mono_ns: int
    """What it was put with, by our clock; never later."""
    instant: Instant


@dataclass(frozen=True, slots=True)
class Turn:
    """Leave to find out what nobody knows; `token` is empty where others could not be asked, or took too long."""

    lock: str
    token: str
    instant: Instant | None


@dataclass(frozen=True, slots=True)
class Look:
    """What is kept under each name that was asked for, and a turn where not all is young and nobody else has it."""

    kept: tuple[Kept | None, ...]
    turn: Turn | None
    instant: Instant | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What was put since the last look, oldest first, and whether there is more."""

    kept: tuple[Kept, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a wish for tokens.

    Attributes:
        wait_ns: How long until they are there; 0 = they are taken.
        credit_ns: What is saved up in the bucket now, as the time in which it comes.
        paused_ns: How long nobody is to ask, which is part of `wait_ns`.
    """

    wait_ns: int
    credit_ns: int
    paused_ns: int


@dataclass(slots=True)
class CacheCounts:
    """What became of exchanges with Redis since the start; all nothing in one process.

    Attributes:
        answered_count: Exchanges that it answered.
        failed_count: Those that it did not, or not with what can be.
        dropped_count: What was not sent, for too much was on its way.
        lost_count: How often it went from used to not used.
        foreign_count: Keys of another type, and values that cannot be.
        took_s: Until the answer, where there was one.
    """

    answered_count: int = 0
    failed_count: int = 0
    dropped_count: int = 0
    lost_count: int = 0
    foreign_count: int = 0
    took_s: Histogram = field(default_factory=lambda: Histogram(CALL_BOUNDS_S))


class SharedCache(Protocol):
    """See the module. Names are of printable ASCII without blanks; values are bytes of the caller's own format."""

    counts: CacheCounts

    @property
    def is_shared(self) -> bool:
        """Whether there is anybody to share with."""
        ...

    def sharer_count(self, bucket: str) -> int:
        """How many processes were last known to take from `bucket`, this one included; at least 1."""
        ...

    async def look(self, names: Sequence[str], *, lock: str, young_ns: int, turn_ns: int) -> Look:
        """Read values, and take the turn at `lock` for `turn_ns` where one of them is missing or not young."""
        ...

    async def news(self, topic: str) -> News:
        """What others and we put under `topic` since this process last looked."""
        ...

    async def take(self, bucket: str, count: int, *, token_ns: int, burst_count: int) -> Taken | None:
        """Take `count` tokens together, or none; None = they could not be counted, and nobody knows of ours.

        Args:
            bucket: Whose.
            count: Of them.
            token_ns: One comes in this time.
            burst_count: Most that are saved up.
        """
        ...

    def put(self, topic: str, values: Mapping[str, tuple[int, bytes]], *, turn: Turn, keep_ns: int) -> None:
        """Keep values by name, each with its moment of CLOCK_MONOTONIC, for `keep_ns` from then; the turn ends.

        Sent in the background. One of an earlier moment than what is kept does not replace it.
        """
        ...

    def give_up(self, turn: Turn) -> None:
        """End a turn that led to nothing. Sent in the background."""
        ...

    def pause(self, bucket: str, duration_ns: int) -> None:
        """Let nobody take from `bucket` for so long. Sent in the background."""
        ...


class InProcessCache:
    """Nobody else is there; see the module."""

    is_shared: Final = False

    def __init__(self) -> None:
        self.counts = CacheCounts()

    def sharer_count(self, bucket: str) -> int:
        """See `SharedCache.sharer_count`."""
        return 1

    async def look(self, names: Sequence[str], *, lock: str, young_ns: int, turn_ns: int) -> Look:
        """See `SharedCache.look`."""
        return Look((None,) * len(names), Turn(lock, "", None))

    async def news(self, topic: str) -> News:
        """See `SharedCache.news`."""
        return News((), has_more=False)

    async def take(self, bucket: str, count: int, *, token_ns: int, burst_count: int) -> Taken | None:
        """See `SharedCache.take`."""
        return None

    def put(self, topic: str, values: Mapping[str, tuple[int, bytes]], *, turn: Turn, keep_ns: int) -> None:
        """See `SharedCache.put`."""

    def give_up(self, turn: Turn) -> None:
        """See `SharedCache.give_up`."""

    def pause(self, bucket: str, duration_ns: int) -> None:
        """See `SharedCache.pause`."""


IN_PROCESS: Final = InProcessCache()
