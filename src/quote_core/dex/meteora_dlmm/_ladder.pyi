from array import array
from collections.abc import Iterable, Sequence

from quote_core.dex.meteora_dlmm.state import FeeParameters, Volatility

class BinRun:
    """The bins of one array in one direction, laid out once for all walks through it."""

    def __init__(self, bins: Sequence[tuple[int, int, tuple[int, int, int]]]) -> None: ...

class BinLadder:
    """One direction of one pair, laid out for a walk of many amounts at once."""

    @property
    def ran_out(self) -> bool:
        """Whether the last ladder had an amount left where the bins end."""

    def __init__(self, runs: Iterable[BinRun], *, active_id: int, x_to_y: bool, fee_on_output: bool) -> None: ...
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
