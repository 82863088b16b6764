"""Bring the server's streams, and its bucket of leases, to the plan.

What is missing is made, what differs is changed, nothing is ever deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from pipeline.initializer.sizing import fit_to
from pipeline.initializer.streams import StreamPlan, wanted_config
from quote_core.bus.client_errors import NATS, upstream_errors
from quote_core.bus.connection import Bus
from quote_core.bus.lease_bucket import LEASE_STREAM, LEASE_SUBJECTS
from quote_core.errors import ProviderUnavailable

__all__ = ["Repairs", "differing_fields", "repair"]

_LEASES: Final = StreamConfig(
    name=LEASE_STREAM,
    subjects=[LEASE_SUBJECTS],
    retention=RetentionPolicy.LIMITS,
    discard=DiscardPolicy.NEW,
    max_age=0,
    max_msgs_per_subject=1,
    max_bytes=1024 * 1024,
    storage=StorageType.FILE,
    duplicate_window=10,
    num_replicas=1,
    allow_rollup_hdrs=True,
    deny_delete=True,
)
"""The key-value bucket of `quote_core.bus.lease`, some hundred bytes a lease; it outlives the server, as holders do."""

_PLANNED_FIELDS: Final = (
    "subjects",
    "retention",
    "discard",
    "max_age",
    "max_bytes",
    "storage",
    "duplicate_window",
    "allow_atomic",
)
"""What the plan decides; an operator may set everything else by hand, and replicas unless a setting says
how many."""

_NO_ROOM: Final = frozenset({10023, 10028, 10047})
"""The server's codes for insufficient resources: of any kind, of memory, of storage. What a stream may hold counts
against its limits as if it were full."""


@dataclass(frozen=True, slots=True)
class Repairs:
    """What one pass did, by stream name."""

    made: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    plans: tuple[StreamPlan, ...] = field(default=(), compare=False)
    """How the streams are now: as planned, or shorter where the server has less room."""


def differing_fields(wanted: StreamConfig, held: StreamConfig) -> tuple[str, ...]:
    """Fields of the plan that the server holds otherwise."""
    return tuple(name for name in _PLANNED_FIELDS if getattr(wanted, name) != getattr(held, name))


async def repair(bus: Bus, plans: Sequence[StreamPlan], *, replicas: int | None = None) -> Repairs:
    """One pass over all streams and the bucket of leases; doing it again with the plans it ended with changes nothing.

    Where the server has too little room for all, all streams of that storage are shortened until it has.

    Args:
        bus: Where the streams are.
        plans: How they are to be.
        replicas: On how many servers of a cluster each is to be kept; `None` = one of those made, and others as they
            are.

    Raises:
        ProviderUnavailable: NATS does not answer, or refuses a change (a stream's storage cannot be changed), or has
            no room even for the least.
    """
    repairs = Repairs(plans=tuple(plans))
    for plan in plans:
        try:
            with upstream_errors():
                repairs = await _repair_one(bus.jetstream, wanted_config(plan), repairs, replicas)
        except ProviderUnavailable as error:
            less = _with_less_room(plans, plan) if _is_for_want_of_room(error) else None
            if less is None:
                raise ProviderUnavailable(NATS, f"stream {plan.stream}: {error.reason}") from error
            after = await repair(bus, less, replicas=replicas)
            return replace(after, made=(*repairs.made, *after.made), changed=(*repairs.changed, *after.changed))
    try:
        with upstream_errors():
            return await _repair_one(bus.jetstream, _LEASES, repairs, replicas)
    except ProviderUnavailable as error:
        raise ProviderUnavailable(NATS, f"stream {LEASE_STREAM}: {error.reason}") from error


def _is_for_want_of_room(error: ProviderUnavailable) -> bool:
    cause = error.__cause__
    return isinstance(cause, APIError) and cause.err_code in _NO_ROOM


def _with_less_room(plans: Sequence[StreamPlan], refused: StreamPlan) -> tuple[StreamPlan, ...] | None:
    """Three quarters of what was asked for; `None` when that is the least already."""
    asked_bytes = sum(plan.bytes_max for plan in plans if plan.storage == refused.storage)
    less = fit_to(plans, refused.storage, asked_bytes * 3 // 4)
    return less if less != tuple(plans) else None


async def _repair_one(
    jetstream: JetStreamContext, wanted: StreamConfig, repairs: Repairs, replicas: int | None
) -> Repairs:
    name = str(wanted.name)
    wanted = wanted.evolve(num_replicas=replicas or 1)
    try:
        held = (await jetstream.stream_info(name)).config
    except NotFoundError:
        await jetstream.add_stream(wanted)
        return replace(repairs, made=(*repairs.made, name))
    differing = differing_fields(wanted, held)
    if replicas is not None and held.num_replicas != replicas:
        differing = (*differing, "num_replicas")
    if not differing:
        return repairs
    await jetstream.update_stream(held.evolve(**{name: getattr(wanted, name) for name in differing}))
    return replace(repairs, changed=(*repairs.changed, name))
