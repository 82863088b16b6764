from array import array
from collections.abc import Sequence

from quote_core.dex.orca_whirlpool.adaptive_fee import AdaptiveFee
from quote_core.dex.orca_whirlpool.state import WhirlpoolState

class TargetLine:
    """Where walks over the same arrays in the same direction may stop."""

    def __init__(self, targets: Sequence[tuple[int, int, int | None]]) -> None: ...

class SequenceLadder:
    """One direction of one pool, laid out for a walk of many amounts at once."""

    def __init__(
        self,
        state: WhirlpoolState,
        line: TargetLine,
        passed_count: int,
        *,
        down: bool,
        limit: int,
        step_count_max: int,
    ) -> None: ...
    def outputs(self, amounts: Sequence[int], *, fee: AdaptiveFee | None, vault_out: int) -> array[int]:
        """Outputs of ascending amounts, 0 where refused."""
