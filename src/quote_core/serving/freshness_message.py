"""The `Freshness` of every quote service's messages, and the value it was made of."""

from typing import Any

from quote_core.clock import Moment
from quote_core.freshness import NEVER_VOUCHED, Freshness
from quote_core.generated.solquote.v1 import quotes_pb2

__all__ = ["freshness_message", "read_freshness"]


def freshness_message(freshness: Freshness) -> quotes_pb2.Freshness:
    """The moment travels, not the age: a message held on its way is older by the time it was held."""
    return quotes_pb2.Freshness(
        vouched_mono_ns=freshness.vouched.mono_ns,
        vouched_unix_ns=freshness.vouched.unix_ns,
        boot_id=freshness.vouched.boot_id,
        vouched_slot=freshness.vouched_slot,
        changed_slot=freshness.changed_slot,
        changed_unix_ns=freshness.changed_unix_ns,
        chain_unix_s=freshness.chain_unix_s,
    )


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
