from array import array
from collections.abc import Sequence

from quote_core.dex.meteora_dlmm.state import Bin, FeeParameters, Volatility

class LaidBins:
    """The bins of one array with what a swap finds in each, laid out once a change of the array."""

    bins: tuple[Bin, ...]
    with_orders: bool

    def __init__(self, bins: tuple[Bin, ...], with_orders: bool, before: LaidBins | None, /) -> None:
        """`before` is the same array before its last change: bins that are the same objects are taken from it."""

class BinLadder:
    """One direction of one pair, laid out for a walk of many amounts at once.

    `arrays` are those a walk may enter, in walk order.
    """

    @property
    def ran_out(self) -> bool:
        """Whether the last ladder had an amount left where the bins end."""

    def __init__(self, arrays: Sequence[LaidBins], *, active_id: int, x_to_y: bool, fee_on_output: bool) -> None: ...
    def bins(self) -> list[tuple[int, int, tuple[int, int, int]]]:
        """What `swap.bins_to_trade`, the specification, gives: every bin the walk may trade in."""

    def outputs(
        self,
        amounts: Sequence[int],
        *,
        fee: FeeParameters,
        volatility: Volatility,
        bin_step: int,
        vault_out: int,
    ) -> array[int]:
        """Outputs of ascending amounts, 0 where refused."""
