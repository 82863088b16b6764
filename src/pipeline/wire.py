"""Between the pipeline's values and the quote services' messages."""

from collections.abc import Sequence
from typing import Any, Final

import grpc.aio

from pipeline.simulation import RouteHopRequest, Simulation
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import Hop
from quote_core.generated.solquote.v1 import local_quote_pb2 as messages
from quote_core.generated.solquote.v1 import local_quote_pb2_grpc as services
from quote_core.generated.solquote.v1 import quotes_pb2 as quotes
from quote_core.health import HealthReport
from quote_core.quotes import Provenance
from quote_core.serving import read_freshness, read_health
from quote_core.units import Pubkey

__all__ = ["QUOTE_SERVICES", "health_of", "simulate_route", "simulation_from"]


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


async def simulate_route(
    channel: grpc.aio.Channel, hops: Sequence[RouteHopRequest], amount_in: int, *, timeout_s: float
) -> Simulation:
    """One `SimulateRoute` call.

    Raises:
        grpc.aio.AioRpcError: Whatever the call ended with.
        LayoutMismatch: An answer that does not belong to the question.
    """
    request = messages.SimulateRouteRequest(
        hops=[
            messages.SimulateHop(input_mint=hop.input_mint, output_mint=hop.output_mint, pool_id=hop.pool_id or "")
            for hop in hops
        ],
        input_amount=amount_in,
    )
    answer = await services.LocalQuoteServiceStub(channel).SimulateRoute(request, timeout=timeout_s)
    return simulation_from(answer, hop_count=len(hops))


def simulation_from(answer: Any, *, hop_count: int) -> Simulation:
    """A `SimulateRouteResponse` as a value.

    Raises:
        LayoutMismatch: Other than `hop_count` hops, a hop of no known provenance, or an impact that is no fraction.
    """
    if not len(answer.route) == len(answer.price_impacts) == len(answer.depth_amounts) == hop_count:
        raise LayoutMismatch("SimulateRouteResponse", f"does not describe {hop_count} hops")
    if not all(-1.0 <= impact <= 1.0 for impact in answer.price_impacts):  # NaN is not, either
        raise LayoutMismatch("SimulateRouteResponse", "has a price impact that is no fraction")
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
    )
