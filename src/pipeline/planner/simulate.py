"""An opportunity on the pool state of now: the same trip, priced hop by hop by the local quote service."""

from pipeline.planner.proposed import ProposedTrip
from pipeline.simulation import RouteHopRequest, RouteSimulator, Simulation

__all__ = ["simulate_trip"]


async def simulate_trip(simulator: RouteSimulator, trip: ProposedTrip) -> Simulation:
    """Price it; the service chooses the best pools, and their addresses come back with the answer.

    Raises:
        NoLiquidity: The trip cannot be made now.
        UpstreamError: The service does not answer, or not in time.
    """
    hops = tuple(RouteHopRequest(input_mint=given, output_mint=taken) for given, taken in trip.hops)
    return await simulator.simulate(hops, trip.amount_in)
