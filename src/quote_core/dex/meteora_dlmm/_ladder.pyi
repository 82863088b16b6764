from collections.abc import Callable, Iterable, Sequence

from quote_core.dex._ladder_frame import CompiledPricing
from quote_core.dex.meteora_dlmm.state import FeeParameters, Volatility

def priceless_bins(data: bytes, /) -> list[int]:
    """Positions of an array's bins that hold something and have no price stored yet.

    Raises:
        ValueError: Not as long as an array of bins.
    """

class BinRun:
    """The bins of one array in one direction, laid out once for all walks through it."""

    def __init__(self, bins: Sequence[tuple[int, int, tuple[int, int, int]]]) -> None: ...
    @staticmethod
    def of_array(data: bytes, index: int, bin_step: int, /, *, x_to_y: bool, with_orders: bool) -> BinRun:
        """What `swap.bins_to_trade` gives of an array, from its account's bytes.

        Args:
            data: Of the array's account, which has been checked.
            index: The array's.
            bin_step: The pair's, in basis points.
            x_to_y: Direction.
            with_orders: Whether orders are filled.

        Raises:
            ValueError: Not as long as an array of bins.
        """

    def bins(self) -> list[tuple[int, int, tuple[int, int, int]]]:
        """What is laid out, in walk order: (bin id, price, three layers)."""

class BinLadder:
    """One direction of one pair, laid out for a walk of many amounts at once."""

    def __init__(self, runs: Iterable[BinRun], *, active_id: int, x_to_y: bool, fee_on_output: bool) -> None: ...
    def pricing(
        self,
        *,
        fee: FeeParameters,
        volatility: Volatility,
        bin_step: int,
        vault_out: int,
        ran_out: Callable[[], object],
    ) -> CompiledPricing:
        """What prices ascending amounts; it calls `ran_out` when one is left where the bins end."""
