"""The streams of the bus as data: what each keeps, how long, how much, and where.

When a stream reaches `bytes_max` before `age_s_max`, it drops the oldest messages. The rates they are sized for are
the specification's peak rates, the sizes those of the events; a busier platform sets more here.
"""

from dataclasses import dataclass
from typing import Final, Literal

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from quote_core.events import Stream

__all__ = ["STREAMS", "StreamPlan", "wanted_config"]

_MINUTE_S: Final = 60
_HOUR_S: Final = 60 * _MINUTE_S
_DAY_S: Final = 24 * _HOUR_S
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """How one stream is to be.

    Attributes:
        stream: Name, and with it the subjects.
        age_s_max: Older messages are dropped.
        bytes_max: Oldest messages are dropped above this.
        storage: Memory streams are empty after the server restarts.
        duplicate_window_s: A message id seen within it is published once.
    """

    stream: Stream
    age_s_max: int
    bytes_max: int
    storage: Literal["file", "memory"]
    duplicate_window_s: int = 2 * _MINUTE_S


STREAMS: Final = (
    StreamPlan(stream=Stream.MARKET_DATA, age_s_max=5 * _MINUTE_S, bytes_max=128 * _MIB, storage="memory"),
    StreamPlan(stream=Stream.OPPORTUNITIES, age_s_max=_HOUR_S, bytes_max=256 * _MIB, storage="file"),
    StreamPlan(
        stream=Stream.PLANNED,
        age_s_max=24 * _HOUR_S,
        bytes_max=512 * _MIB,
        storage="file",
        duplicate_window_s=10 * _MINUTE_S,
    ),
    StreamPlan(stream=Stream.CLAIMS, age_s_max=24 * _HOUR_S, bytes_max=64 * _MIB, storage="file"),
    StreamPlan(
        stream=Stream.EXECUTED,
        age_s_max=7 * _DAY_S,
        bytes_max=1024 * _MIB,
        storage="file",
        duplicate_window_s=10 * _MINUTE_S,
    ),
    StreamPlan(stream=Stream.METRICS, age_s_max=24 * _HOUR_S, bytes_max=64 * _MIB, storage="memory"),
    StreamPlan(stream=Stream.SYSTEM, age_s_max=30 * _DAY_S, bytes_max=128 * _MIB, storage="file"),
    StreamPlan(stream=Stream.DEAD_LETTERS, age_s_max=30 * _DAY_S, bytes_max=64 * _MIB, storage="file"),
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
    )
