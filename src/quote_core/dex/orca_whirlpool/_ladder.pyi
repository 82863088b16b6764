from array import array
from collections.abc import Sequence

from quote_core.dex.orca_whirlpool.adaptive_fee import AdaptiveFee
from quote_core.dex.orca_whirlpool.state import WhirlpoolState

class SequenceLadder:
    """One direction of one pool, laid out for a walk of many amounts at once."""

    def __init__(
        self,
        state: WhirlpoolState,
        targets: Sequence[tuple[int, int, int | None]],
        *,
        down: bool,
        limit: int,
        step_count_max: int,
    ) -> None: ...
    def outputs(self, amounts: Sequence[int], *, fee: AdaptiveFee | None, vault_out: int) -> array[int]:
        """Outputs of ascending amounts, 0 where refused."""
