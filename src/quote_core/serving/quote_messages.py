"""What messages of all quote services are made of, between protobuf and our own values: freshness and routes."""

import functools
from collections.abc import Iterable
from typing import Any, Final

from quote_core.clock import Moment
from quote_core.freshness import NEVER_VOUCHED, Freshness
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.quotes import Provenance, RouteHop
from quote_core.units import Pubkey

__all__ = ["read_freshness", "read_provenance", "read_route", "write_freshness", "write_hop", "write_provenance"]

_FRESHNESSES_HELD_MAX: Final = 1024
"""A pool's forty quotes each way are vouched for together, and tell it in the same bytes."""

_PROVENANCES: Final = {one.value: one for one in Provenance}


def read_freshness(message: Any) -> Freshness:
    """When the state behind a message was vouched for; a message that does not say was never vouched for."""
    return _freshness(message.freshness.SerializeToString()) if message.HasField("freshness") else NEVER_VOUCHED


@functools.lru_cache(maxsize=_FRESHNESSES_HELD_MAX)
def _freshness(encoded: bytes) -> Freshness:
    told = quotes_pb2.Freshness.FromString(encoded)
    return Freshness(
        Moment(told.boot_id, told.vouched_mono_ns, told.vouched_unix_ns),
        told.vouched_slot,
        told.changed_unix_ns,
        told.changed_slot,
        told.chain_unix_s,
    )


def write_freshness(freshness: Freshness) -> quotes_pb2.Freshness:
    """The moment travels, not the age: a message held on its way is older by the time it was held.

    One from before this host was started has no number on its monotonic clock (and no `boot_id`): 0.
    """
    return quotes_pb2.Freshness(
        vouched_mono_ns=max(0, freshness.vouched.mono_ns),
        vouched_unix_ns=freshness.vouched.unix_ns,
        boot_id=freshness.vouched.boot_id,
        vouched_slot=freshness.vouched_slot,
        changed_slot=freshness.changed_slot,
        changed_unix_ns=freshness.changed_unix_ns,
        chain_unix_s=freshness.chain_unix_s,
    )


def read_provenance(value: int) -> Provenance | None:
    """Where accounts come from; `None` where the sender does not know, or is newer than this build."""
    return _PROVENANCES.get(value)


def write_provenance(provenance: Provenance | None) -> str:
    """The same as a message says it; unknown is UNSPECIFIED."""
    return str(quotes_pb2.Provenance.Name(0 if provenance is None else provenance.value))


def read_route(hops: Iterable[quotes_pb2.RouteHop]) -> tuple[RouteHop, ...]:
    """The swaps of a route, hop by hop; a fee without its mint is not known."""
    return tuple(
        RouteHop(
            pool_id=Pubkey(hop.pool_id),
            protocol=hop.protocol,
            input_mint=Pubkey(hop.input_mint),
            output_mint=Pubkey(hop.output_mint),
            input_amount=hop.input_amount,
            output_amount=hop.output_amount,
            fee_amount=hop.fee_amount if hop.fee_mint else None,
            fee_mint=Pubkey(hop.fee_mint) if hop.fee_mint else None,
            provenance=read_provenance(hop.provenance),
            leg=hop.leg,
            leg_percent=hop.leg_percent,
        )
        for hop in hops
    )


def write_hop(hop: RouteHop) -> quotes_pb2.RouteHop:
    """One swap of a route."""
    return quotes_pb2.RouteHop(
        pool_id=hop.pool_id,
        protocol=hop.protocol,
        input_mint=hop.input_mint,
        output_mint=hop.output_mint,
        input_amount=hop.input_amount,
        output_amount=hop.output_amount,
        fee_amount=hop.fee_amount,
        fee_mint=hop.fee_mint,
        provenance=write_provenance(hop.provenance),
        leg=hop.leg,
        leg_percent=hop.leg_percent,
    )
