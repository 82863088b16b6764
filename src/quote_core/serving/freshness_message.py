"""The `Freshness` of a message as the value."""

from typing import Any

from quote_core.clock import Moment
from quote_core.freshness import NEVER_VOUCHED, Freshness

__all__ = ["read_freshness"]


def read_freshness(message: Any) -> Freshness:
    """When the state behind a message was vouched for; a message that does not say was never vouched for."""
    if not message.HasField("freshness"):
        return NEVER_VOUCHED
    told = message.freshness
    return Freshness(
        Moment(told.boot_id, told.vouched_mono_ns, told.vouched_unix_ns),
        told.vouched_slot,
        told.changed_unix_ns,
        told.changed_slot,
        told.chain_unix_s,
    )
