"""Bring the server's streams to the plan: make what is missing, change what differs, never delete anything."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

from pipeline.initializer.streams import StreamPlan, wanted_config
from quote_core.bus.connection import NATS, Bus, upstream_errors
from quote_core.errors import ProviderUnavailable

__all__ = ["Repairs", "differing_fields", "repair"]

_PLANNED_FIELDS: Final = (
    "subjects",
    "retention",
    "discard",
    "max_age",
    "max_bytes",
    "storage",
    "duplicate_window",
)
"""What the plan decides; an operator may set everything else, such as replicas, by hand."""


@dataclass(frozen=True, slots=True)
class Repairs:
    """What one pass did, by stream name."""

    made: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def differing_fields(wanted: StreamConfig, held: StreamConfig) -> tuple[str, ...]:
    """Fields of the plan that the server holds otherwise."""
    return tuple(name for name in _PLANNED_FIELDS if getattr(wanted, name) != getattr(held, name))


async def repair(bus: Bus, plans: Iterable[StreamPlan]) -> Repairs:
    """One pass over all streams; doing it again changes nothing.

    Raises:
        ProviderUnavailable: NATS does not answer, or refuses a change (a stream's storage cannot be changed).
    """
    repairs = Repairs()
    for plan in plans:
        try:
            with upstream_errors():
                repairs = await _repair_one(bus.jetstream, wanted_config(plan), repairs)
        except ProviderUnavailable as error:
            raise ProviderUnavailable(NATS, f"stream {plan.stream}: {error.reason}") from error
    return repairs


async def _repair_one(jetstream: JetStreamContext, wanted: StreamConfig, repairs: Repairs) -> Repairs:
    name = str(wanted.name)
    try:
        held = (await jetstream.stream_info(name)).config
    except NotFoundError:
        await jetstream.add_stream(wanted)
        return replace(repairs, made=(*repairs.made, name))
    differing = differing_fields(wanted, held)
    if not differing:
        return repairs
    await jetstream.update_stream(held.evolve(**{field: getattr(wanted, field) for field in differing}))
    return replace(repairs, changed=(*repairs.changed, name))
