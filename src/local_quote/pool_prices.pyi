"""How one pool's price stands in both directions, as scores see it, and how it went."""

from local_quote.impact import Curve
from local_quote.taken_depth import PricePath
from quote_core.dex.pool import ChainClock, Direction, Pool

class PoolPrices:
    """Of the state held now, but for depths that nobody has measured of it yet. It refers to no pool."""

    path: PricePath

    def changed(self, pool: Pool, slot: int, clock: ChainClock | None, /) -> None:
        """Measure anew when next needed; the price after the change, at `slot`, is noted where it is known."""
    def begin_anew(self) -> None:
        """Forget the way the price went."""
    def known(self, way: Direction, /) -> Curve | None:
        """What is known of the state held now; None where its depth has not been measured."""
    def curve(self, pool: Pool, way: Direction, clock: ChainClock, /) -> Curve:
        """The same, measured where it was not; see `impact.curve_of`, the specification.

        Raises:
            NotTradable: See `Pool.check_tradable`.
        """
    def told(self, pool: Pool, way: Direction, clock: ChainClock, /) -> Curve:
        """As rows tell it: the price now, the depth as measured last.

        Raises:
            NotTradable: See `Pool.check_tradable`.
        """
    def depth_amount(self, way: Direction, /) -> int:
        """As measured last, 0 before the first time."""
    def measure(self, pool: Pool, clock: ChainClock, /) -> None:
        """Measure the depths anew that are told of, both ways.

        Raises:
            NotTradable: See `Pool.check_tradable`; what was measured before stays.
        """
