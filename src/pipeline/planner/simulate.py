"""An opportunity on the pool state of now: the same round trip, priced hop by hop by the local quote service."""

from pipeline.simulation import RouteHopRequest, RouteSimulator, Simulation
from quote_core.events import TwoHopArbitrage

__all__ = ["simulate_opportunity"]


async def simulate_opportunity(simulator: RouteSimulator, opportunity: TwoHopArbitrage) -> Simulation:
    """Price it; the service chooses the best pools, and their addresses come back with the answer.

    Raises:
        NoLiquidity: The trip cannot be made now.
        UpstreamError: The service does not answer, or not in time.
    """
    there = RouteHopRequest(input_mint=opportunity.input_mint, output_mint=opportunity.middle_mint)
    back = RouteHopRequest(input_mint=opportunity.middle_mint, output_mint=opportunity.input_mint)
    return await simulator.simulate((there, back), opportunity.amount_in)
