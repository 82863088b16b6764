"""What a route would give on the pool state held now: the value, and the errors a simulation may end with."""

from dataclasses import dataclass
from typing import Protocol

from quote_core.events import Hop, TakenDepth
from quote_core.freshness import Freshness
from quote_core.units import PPM, Pubkey

__all__ = ["RouteHopRequest", "RouteSimulator", "Simulation", "TakingSimulator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteHopRequest:
    """One hop to simulate; without a pool the service takes the pair's best.

    `taken` counts as swapped before it, as far as the market has not traded it since; it needs the pool.
    """

    input_mint: Pubkey
    output_mint: Pubkey
    pool_id: Pubkey | None = None
    taken: TakenDepth | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Every hop from one snapshot; `depth_amounts` are the inputs that would move each hop's pool by 1 %.

    `freshness` is of the pool state vouched for least lately. `taken` is what would count as taken behind the route,
    one a hop, when that was asked for.
    """

    hops: tuple[Hop, ...]
    amount_out: int
    slot: int
    freshness: Freshness
    price_impact_fractions: tuple[float, ...]
    depth_amounts: tuple[int, ...]
    taken: tuple[TakenDepth, ...] = ()

    @property
    def price_impact_ppm(self) -> int:
        """Of all hops together."""
        return round(sum(self.price_impact_fractions) * PPM)


class RouteSimulator(Protocol):
    """Whoever can simulate a route."""

    async def simulate(self, hops: tuple[RouteHopRequest, ...], amount_in: int) -> Simulation:
        """Price the hops one after the other, each taking what the one before gives.

        Raises:
            NoLiquidity: The route cannot be filled now, or a pool named is not held.
            UpstreamError: The service does not answer, or not in time.
        """
        ...


class TakingSimulator(Protocol):
    """Whoever can simulate a route and say what it would take."""

    async def simulate(
        self, hops: tuple[RouteHopRequest, ...], amount_in: int, *, with_taken: bool = False
    ) -> Simulation:
        """See `RouteSimulator.simulate`; `with_taken` asks what would count as taken behind the route."""
        ...
