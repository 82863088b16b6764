"""The shared cache in Redis, and what becomes of it when Redis does not do its part.

| Redis                                                    | then                                               |
|----------------------------------------------------------|----------------------------------------------------|
| answers within the time-out                              | is used                                            |
| does not; ends the connection; answers an error (out of  | is not used, which is said once; once a second it  |
| memory, read-only, no such user) or what cannot be       | is asked again, to write and with a second's time  |
| holds another type under a key, or a value that cannot   | is used but for that, which counts as `foreign`    |
| be                                                       | and is left as it is                               |
| has its clock set back, so that values look younger than | is used but for values, until all from before have |
| they are                                                 | run out                                            |

So a Redis that hangs costs one time-out, and whoever asks next finds it not used. Nothing that comes from it is
believed beyond its bounds.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from quote_core.clock import Clock
from quote_core.outside import bounded_int
from quote_core.shared_cache import scripts
from quote_core.shared_cache.interface import IN_PROCESS, CacheCounts, Instant, Kept, Look, News, Taken, Turn
from quote_core.units import NS_PER_MS, NS_PER_S, NS_PER_US

__all__ = ["BEAT_S", "VALUE_BYTES_MAX", "RedisCache"]

BEAT_S: Final = 1.0
"""Between two beats, by which it is known to be there; also how long one may take, connecting included."""
VALUE_BYTES_MAX: Final = 64 * 1024
_SENDING_COUNT_MAX: Final = 256
_STEP_US_MIN: Final = 500_000
"""The server's clock, held against ours, was set if it went back by more; less is the way there and back."""
_US_MAX: Final = 2**53 - 1
_DAY_US: Final = 24 * 3600 * 1_000_000
_BUCKET_KEEP_MS: Final = 25 * 3600 * 1_000
_REASON_CHARS_MAX: Final = 200

_SHARER_COUNT_MAX: Final = 10_000
_FOREIGN: Final = 1
_MORE: Final = 2
_NONSENSE: Final = "answers with what cannot be"
_Read = TypeVar("_Read")

_log: Final = structlog.get_logger(part="shared cache")


class _Reply(NamedTuple):
    instant: Instant
    rest: list[Any]


class RedisCache:
    """See `SharedCache`.

    Args:
        client: A connection of its own; closed by `close`.
        shown: Where it leads, without secrets.
        prefix: Before every key.
        timeout_ns: What one exchange may take, for anybody who waits for it.
        value_keep_ns: Longest that a value is kept.
        buckets: Of which this process takes.
        clock: For ages.
    """

    def __init__(
        self,
        client: "Redis",
        *,
        shown: str,
        prefix: str,
        timeout_ns: int,
        value_keep_ns: int,
        buckets: Sequence[str],
        clock: Clock,
    ) -> None:
        self.shown = shown
        self.is_up = False
        self.why_down = "not asked yet"
        self.counts = CacheCounts()
        self._client = client
        self._prefix = prefix
        self._timeout_ns = timeout_ns
        self._value_keep_ns = value_keep_ns
        self._buckets = tuple(buckets)
        self._clock = clock
        self._me = secrets.token_hex(8)
        self._sharers = dict.fromkeys(self._buckets, 1)
        self._news_since_us: dict[str, int] = {}
        self._sending: set[asyncio.Task[object]] = set()
        self._ahead_us_min: int | None = None
        self._values_from_mono_ns = 0

    @property
    def is_shared(self) -> bool:
        """See `SharedCache.is_shared`."""
        return self.is_up

    def sharer_count(self, bucket: str) -> int:
        """See `SharedCache.sharer_count`."""
        return self._sharers.get(bucket, 1)

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        while True:
            await self.beat()
            await asyncio.sleep(BEAT_S)

    async def beat(self) -> None:
        """Say that we are there, and hear whether Redis is."""
        keys = ["probe", *(f"sharers:{name}" for name in self._buckets)]
        reply = await self._call(scripts.BEAT, keys, [self._me], timeout_ns=round(BEAT_S * NS_PER_S))

        def read(_: Instant, told: object) -> list[int]:
            return [
                bounded_int(count, low=0, high=_SHARER_COUNT_MAX) for count in _items(told, count=len(self._buckets))
            ]

        counts = self._read(reply, read)
        if counts is None:
            return
        self.counts.foreign_count += counts.count(0)
        self._sharers = {name: max(count, 1) for name, count in zip(self._buckets, counts, strict=True)}
        if not self.is_up:
            self.is_up = True
            self.why_down = ""
            _log.info("shared cache is used", redis=self.shown, sharers=max(counts, default=0))

    async def close(self) -> None:
        """Wait for what is on its way, a time-out at most; end the connection."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=self._timeout_ns / NS_PER_S)
        for task in self._sending:
            task.cancel()
        await self._client.aclose()

    async def look(self, names: Sequence[str], *, lock: str, young_ns: int, turn_ns: int) -> Look:
        """See `SharedCache.look`."""
        token = secrets.token_hex(8)
        reply = await self._ask(
            scripts.LOOK, [*names, f"lock:{lock}"], [young_ns // NS_PER_US, token, turn_ns // NS_PER_MS]
        )

        def read(instant: Instant, turn: object, values: object) -> Look:
            kept = tuple(self._kept(value, instant) for value in _items(values, count=len(names)))
            match bounded_int(turn, low=0, high=2):
                case 0:
                    return Look(kept, None, instant)
                case 1:
                    return Look(kept, Turn(lock, token, instant), instant)
                case _:
                    return Look(kept, Turn(lock, "", instant), instant)

        return self._read(reply, read) or await IN_PROCESS.look(names, lock=lock, young_ns=young_ns, turn_ns=turn_ns)

    async def news(self, topic: str) -> News:
        """See `SharedCache.news`."""
        since_us = self._news_since_us.get(topic, 0)
        reply = await self._ask(scripts.NEWS, [f"{topic}:news"], [since_us, f"{self._prefix}{topic}:"])

        def read(instant: Instant, last: object, how: object, values: object) -> News:
            last_us, has_more = bounded_int(last, low=0, high=_US_MAX), how == _MORE
            kept = [self._kept(value, instant) for value in _items(values)]
            self.counts.foreign_count += how == _FOREIGN
            # Those put in one exchange share their time, and may have been cut apart: they are read again.
            self._news_since_us[topic] = 0 if last_us > instant.server_us else last_us - has_more
            return News(tuple(one for one in kept if one is not None), has_more=has_more)

        return self._read(reply, read) or News((), has_more=False)

    async def take(self, bucket: str, count: int, *, token_ns: int, burst_count: int) -> Taken | None:
        """See `SharedCache.take`."""
        reply = await self._ask(
            scripts.TAKE,
            [f"bucket:{bucket}"],
            [count, max(token_ns // NS_PER_US, 1), burst_count, _BUCKET_KEEP_MS],
        )

        def read(_: Instant, wait: object, credit: object, paused: object) -> Taken | None:
            wait_us = bounded_int(wait, low=-1, high=_US_MAX)
            if wait_us < 0:
                self.counts.foreign_count += 1
                return None
            return Taken(
                wait_ns=min(wait_us, _DAY_US) * NS_PER_US,
                credit_ns=bounded_int(credit, low=0, high=_US_MAX) * NS_PER_US,
                paused_ns=bounded_int(paused, low=0, high=_DAY_US) * NS_PER_US,
            )

        return self._read(reply, read)

    def put(self, topic: str, values: Mapping[str, tuple[int, bytes]], *, turn: Turn, keep_ns: int) -> None:
        """See `SharedCache.put`."""
        instant = turn.instant
        if instant is None:
            return
        arguments: list[object] = [min(keep_ns, self._value_keep_ns) // NS_PER_MS, turn.token]
        for name, (mono_ns, value) in values.items():
            arguments += [name.removeprefix(f"{topic}:"), b"%d|%b" % (max(instant.stamp_us(mono_ns), 0), value)]
        self._send(scripts.PUT, [f"{topic}:news", f"lock:{turn.lock}", *values], arguments)

    def give_up(self, turn: Turn) -> None:
        """See `SharedCache.give_up`."""
        if turn.token:
            self._send(scripts.GIVE_UP, [f"lock:{turn.lock}"], [turn.token])

    def pause(self, bucket: str, duration_ns: int) -> None:
        """See `SharedCache.pause`."""
        self._send(scripts.PAUSE, [f"bucket:{bucket}"], [min(duration_ns // NS_PER_US, _DAY_US), _BUCKET_KEEP_MS])

    def _send(self, script: str, names: Sequence[str], arguments: Sequence[object]) -> None:
        if not self.is_up:
            return
        if len(self._sending) >= _SENDING_COUNT_MAX:
            self.counts.dropped_count += 1
            return
        task: asyncio.Task[object] = asyncio.create_task(self._sent(script, names, arguments))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _sent(self, script: str, names: Sequence[str], arguments: Sequence[object]) -> None:
        def read(_: Instant, foreign: object) -> None:
            self.counts.foreign_count += bounded_int(foreign, low=0, high=len(names))

        self._read(await self._ask(script, names, arguments), read)

    def _read(self, reply: "_Reply | None", read: Callable[..., _Read]) -> _Read | None:
        """What an answer says; None = there is none, or it says nothing that can be."""
        if reply is None:
            return None
        try:
            return read(reply.instant, *reply.rest)
        except (ValueError, TypeError):
            self._lost(_NONSENSE)
            return None

    async def _ask(self, script: str, names: Sequence[str], arguments: Sequence[object]) -> "_Reply | None":
        return await self._call(script, names, arguments, timeout_ns=self._timeout_ns) if self.is_up else None

    async def _call(
        self, script: str, names: Sequence[str], arguments: Sequence[object], *, timeout_ns: int
    ) -> "_Reply | None":
        """One exchange; None = it failed, and Redis is not used from now on."""
        keys = [self._prefix + name for name in names]
        sent_ns = self._clock.mono_ns()
        try:
            async with asyncio.timeout(timeout_ns / NS_PER_S):
                asked = self._client.eval(script, len(keys), *keys, *cast("list[str]", arguments))
                told = await cast("Awaitable[object]", asked)
        except TimeoutError:
            self._lost(f"no answer within {timeout_ns // NS_PER_MS} ms")
            return None
        except (RedisError, OSError) as error:
            self._lost(_reason(error))
            return None
        except (ValueError, RecursionError):  # where the client cannot take apart what it was sent
            self._lost(_NONSENSE)
            return None
        heard_ns = self._clock.mono_ns()
        try:
            server_us, *rest = _items(told)
            instant = Instant(bounded_int(server_us, low=0, high=_US_MAX), sent_ns, heard_ns)
        except ValueError:
            self._lost(_NONSENSE)
            return None
        self.counts.answered_count += 1
        self.counts.took_s.observe((heard_ns - sent_ns) / NS_PER_S)
        self._hold_against_ours(instant)
        return _Reply(instant, rest)

    def _hold_against_ours(self, instant: Instant) -> None:
        """See whether the server's clock was set back; what the exchange itself took counts for neither side."""
        ahead_us_max = instant.server_us - instant.sent_mono_ns // NS_PER_US
        if self._ahead_us_min is not None and ahead_us_max < self._ahead_us_min - _STEP_US_MIN:
            self._values_from_mono_ns = instant.heard_mono_ns + self._value_keep_ns
            self._news_since_us.clear()
            _log.warning(
                "the clock of Redis was set back: what it keeps is not used until all of it is new",
                redis=self.shown,
                back_s=(self._ahead_us_min - ahead_us_max) / 1_000_000,
            )
        self._ahead_us_min = instant.server_us - instant.heard_mono_ns // NS_PER_US

    def _kept(self, told: object, instant: Instant) -> Kept | None:
        """What is kept, if it is; what cannot be is counted."""
        if told is None or instant.heard_mono_ns < self._values_from_mono_ns:
            return None
        if isinstance(told, bytes) and len(told) <= VALUE_BYTES_MAX:
            digits, _, value = told.partition(b"|")
            if digits.isdigit() and len(digits) <= len(str(_US_MAX)) and value:
                mono_ns = instant.mono_ns(int(digits))
                if mono_ns is not None:
                    return Kept(value, mono_ns, instant)
        self.counts.foreign_count += 1
        return None

    def _lost(self, reason: str) -> None:
        self.counts.failed_count += 1
        if self.is_up:
            self.counts.lost_count += 1
        if self.is_up or self.why_down == "not asked yet":
            _log.warning("shared cache is not used: this process goes on by itself", redis=self.shown, reason=reason)
        self.is_up = False
        self.why_down = reason


def _items(value: object, *, count: int | None = None) -> list[Any]:
    if not isinstance(value, list) or count not in (None, len(value)):
        raise ValueError("must be a list of as many as were asked for")
    return value


def _reason(error: Exception) -> str:
    """The first line of what an error says, fit for a log."""
    text = str(error) or type(error).__name__
    return "".join(one if one.isprintable() else " " for one in text[:_REASON_CHARS_MAX]).strip()
