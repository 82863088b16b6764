"""The streams of the bus as data: what each keeps, how long, how much, and where.

| stream        | rate/s | bytes | keeps   | storage | needs   | the rate is                                       |
|---------------|--------|-------|---------|---------|---------|---------------------------------------------------|
| MARKET_DATA   | 10,000 | 512   | 5 min   | memory  | 1.54 GB | the specification's                               |
| OPPORTUNITIES | 500    | 768   | 1 h     | file    | 1.38 GB | the specification's                               |
| PLANNED       | 50     | 1,152 | 24 h    | file    | 4.98 GB | the specification's                               |
| EXECUTED      | 50     | 1,024 | 7 days  | file    | 31.0 GB | the specification's                               |
| METRICS       | 25     | 512   | 24 h    | memory  | 1.11 GB | twice what the platform's own processes report; a |
|               |        |       |         |         |         | burst of 5,000/s pushes it all out within 8 min   |
| SYSTEM        | 10     | 512   | 30 days | file    | 13.3 GB | the specification's highest                       |
| DEAD_LETTERS  | 0.05   | 2,048 | 30 days | file    | 265 MB  | one in 20 s, for a month                          |

`bytes` is what the server stores of a large event: the event, its subject, its headers, and 34 bytes of its own; the
table's test encodes one of each. Plans and results of a cycle of four legs are larger by one hop: of nothing but these,
at these rates, a stream keeps nine tenths of the time. A stream's `bytes_max` is a bound, not a reservation on the
disk: it fills only at these rates. When a stream reaches it before `age_s_max`, it drops the oldest messages. On less
disk or memory than needed, `sizing.fit` gives each stream less.
"""

from dataclasses import dataclass
from typing import Final, Literal

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from quote_core.events import Stream

__all__ = ["STREAMS", "StreamPlan", "wanted_config"]

_MINUTE_S: Final = 60
_HOUR_S: Final = 60 * _MINUTE_S
_DAY_S: Final = 24 * _HOUR_S


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """How one stream is to be.

    Attributes:
        stream: Name, and with it the subjects.
        rate_per_s: Messages a second it is to keep for `age_s_max`.
        event_bytes: What the server stores of a large one.
        age_s_max: Older messages are dropped.
        storage: Memory streams are empty after the server restarts.
        duplicate_window_s: A message id seen within it is published once.
        takes_batches: Many events may be stored as one (`Bus.publish_batch`).
        bytes_given: Oldest messages are dropped above this; `None` = all it needs.
    """

    stream: Stream
    rate_per_s: float
    event_bytes: int
    age_s_max: int
    storage: Literal["file", "memory"]
    duplicate_window_s: int = 2 * _MINUTE_S
    takes_batches: bool = False
    bytes_given: int | None = None

    @property
    def need_bytes(self) -> int:
        """What keeping `age_s_max` at `rate_per_s` takes."""
        return round(self.rate_per_s * self.event_bytes * self.age_s_max)

    @property
    def bytes_max(self) -> int:
        """Oldest messages are dropped above this."""
        return self.need_bytes if self.bytes_given is None else self.bytes_given

    @property
    def age_s_at_rate(self) -> float:
        """How far back `bytes_max` reaches at `rate_per_s`."""
        return self.age_s_max * self.bytes_max / self.need_bytes


STREAMS: Final = (
    StreamPlan(
        stream=Stream.MARKET_DATA,
        rate_per_s=10_000,
        event_bytes=512,
        age_s_max=5 * _MINUTE_S,
        storage="memory",
        takes_batches=True,
    ),
    StreamPlan(stream=Stream.OPPORTUNITIES, rate_per_s=500, event_bytes=768, age_s_max=_HOUR_S, storage="file"),
    StreamPlan(
        stream=Stream.PLANNED,
        rate_per_s=50,
        event_bytes=1_152,
        age_s_max=24 * _HOUR_S,
        storage="file",
        duplicate_window_s=10 * _MINUTE_S,
    ),
    StreamPlan(stream=Stream.CLAIMS, rate_per_s=50, event_bytes=1_024, age_s_max=24 * _HOUR_S, storage="file"),
    StreamPlan(
        stream=Stream.EXECUTED,
        rate_per_s=50,
        event_bytes=1_024,
        age_s_max=7 * _DAY_S,
        storage="file",
        duplicate_window_s=10 * _MINUTE_S,
    ),
    StreamPlan(stream=Stream.METRICS, rate_per_s=25, event_bytes=512, age_s_max=24 * _HOUR_S, storage="memory"),
    StreamPlan(stream=Stream.SYSTEM, rate_per_s=10, event_bytes=512, age_s_max=30 * _DAY_S, storage="file"),
    StreamPlan(stream=Stream.DEAD_LETTERS, rate_per_s=0.05, event_bytes=2_048, age_s_max=30 * _DAY_S, storage="file"),
)


def wanted_config(plan: StreamPlan) -> StreamConfig:
    """A plan in the server's terms."""
    return StreamConfig(
        name=plan.stream.value,
        subjects=[plan.stream.subjects],
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        max_age=plan.age_s_max,
        max_bytes=plan.bytes_max,
        storage=StorageType(plan.storage),
        duplicate_window=plan.duplicate_window_s,
        num_replicas=1,
        allow_atomic=plan.takes_batches or None,  # the server leaves out what is off
    )
