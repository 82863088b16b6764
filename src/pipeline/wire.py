"""Between the pipeline's values and the quote services' messages."""

import math
from collections.abc import Sequence
from typing import Any, Final

import grpc.aio

from pipeline.simulation import RouteHopRequest, Simulation
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import Hop, TakenDepth
from quote_core.generated.solquote.v1 import local_quote_pb2 as messages
from quote_core.generated.solquote.v1 import local_quote_pb2_grpc as services
from quote_core.generated.solquote.v1 import quotes_pb2 as quotes
from quote_core.health import HealthReport
from quote_core.quotes import Provenance
from quote_core.serving import read_freshness, read_health
from quote_core.units import Pubkey

__all__ = ["QUOTE_SERVICES", "health_of", "route_call", "simulate_request", "simulate_route", "simulation_from"]


QUOTE_SERVICES: Final = {
    "local_quote": "solquote.v1.LocalQuoteService",
    "external_quote": "solquote.v1.ExternalQuoteService",
    "aggregator": "solquote.v1.QuoteAggregatorService",
}
"""The services without a connection to the bus, by the name in their reports."""


async def health_of(channel: grpc.aio.Channel, service: str, *, timeout_s: float) -> HealthReport:
    """One `Health` call of a service in `QUOTE_SERVICES`.

    Raises:
        ProviderUnavailable: No answer.
    """
    ask = channel.unary_unary(
        f"/{QUOTE_SERVICES[service]}/Health",
        request_serializer=quotes.HealthRequest.SerializeToString,
        response_deserializer=quotes.HealthResponse.FromString,
    )
    try:
        answer = await ask(quotes.HealthRequest(), timeout=timeout_s)
    except grpc.aio.AioRpcError as error:
        raise ProviderUnavailable(service, error.details() or error.code().name) from error
    return read_health(answer)


def route_call(channel: grpc.aio.Channel) -> Any:
    """What `simulate_route` asks by, made once for a channel: a stub makes every call of the service."""
    return services.LocalQuoteServiceStub(channel).SimulateRoute


async def simulate_route(
    call: Any,
    hops: Sequence[RouteHopRequest],
    amount_in: int,
    *,
    with_taken: bool = False,
    timeout_s: float,
) -> Simulation:
    """One `SimulateRoute` call, by a `route_call`.

    Raises:
        grpc.aio.AioRpcError: Whatever the call ended with.
        LayoutMismatch: An answer that does not belong to the question.
    """
    request = simulate_request(hops, amount_in, with_taken=with_taken)
    answer = await call(request, timeout=timeout_s)
    return simulation_from(answer, hop_count=len(hops), with_taken=with_taken)


def simulate_request(hops: Sequence[RouteHopRequest], amount_in: int, *, with_taken: bool = False) -> Any:
    """The `SimulateRouteRequest` that asks for a route."""
    return messages.SimulateRouteRequest(
        hops=[_hop_to(hop) for hop in hops], input_amount=amount_in, with_taken=with_taken
    )


def _hop_to(hop: RouteHopRequest) -> Any:
    message = messages.SimulateHop(input_mint=hop.input_mint, output_mint=hop.output_mint, pool_id=hop.pool_id or "")
    if hop.taken is not None:
        message.taken.input_amount = hop.taken.input_amount
        message.taken.price_before = hop.taken.price_before
        message.taken.price_after = hop.taken.price_after
        message.taken.since_slot = hop.taken.since_slot
    return message


def simulation_from(answer: Any, *, hop_count: int, with_taken: bool = False) -> Simulation:
    """A `SimulateRouteResponse` as a value.

    Raises:
        LayoutMismatch: Other than `hop_count` hops, a hop of no known provenance, an impact that is no fraction, or
            without the taken depth of each hop though that was asked for.
    """
    if not len(answer.route) == len(answer.price_impacts) == len(answer.depth_amounts) == hop_count:
        raise LayoutMismatch("SimulateRouteResponse", f"does not describe {hop_count} hops")
    if not all(-1.0 <= impact <= 1.0 for impact in answer.price_impacts):  # NaN is not, either
        raise LayoutMismatch("SimulateRouteResponse", "has a price impact that is no fraction")
    if with_taken and len(answer.taken) != hop_count:
        raise LayoutMismatch("SimulateRouteResponse", f"does not say what {hop_count} hops take")
    if not all(math.isfinite(taken.price_before) and math.isfinite(taken.price_after) for taken in answer.taken):
        raise LayoutMismatch("SimulateRouteResponse", "has a price that is no number")
    try:
        hops = tuple(
            Hop(
                pool_id=Pubkey(hop.pool_id),
                input_mint=Pubkey(hop.input_mint),
                output_mint=Pubkey(hop.output_mint),
                input_amount=hop.input_amount,
                output_amount=hop.output_amount,
                provenance=Provenance(hop.provenance),
            )
            for hop in answer.route
        )
    except ValueError as error:
        raise LayoutMismatch("SimulateRouteResponse", str(error)) from None
    return Simulation(
        hops=hops,
        amount_out=answer.output_amount,
        slot=answer.slot,
        freshness=read_freshness(answer),
        price_impact_fractions=tuple(max(impact, 0.0) for impact in answer.price_impacts),
        depth_amounts=tuple(answer.depth_amounts),
        taken=tuple(
            TakenDepth(
                pool_id=hop.pool_id,
                input_mint=hop.input_mint,
                input_amount=taken.input_amount,
                price_before=taken.price_before,
                price_after=taken.price_after,
                since_slot=taken.since_slot,
            )
            for hop, taken in zip(hops, answer.taken, strict=True)
        )
        if with_taken
        else (),
    )
