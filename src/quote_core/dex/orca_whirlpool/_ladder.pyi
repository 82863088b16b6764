from collections.abc import Sequence

from quote_core.dex._ladder_frame import CompiledPricing
from quote_core.dex.orca_whirlpool.adaptive_fee import AdaptiveFee
from quote_core.dex.orca_whirlpool.state import WhirlpoolState, WhirlpoolTickArray

class LaidTicks:
    """The initialised ticks of one array, each with its price: laid out once a change of the array."""

    array: WhirlpoolTickArray

    def __init__(self, array: WhirlpoolTickArray) -> None: ...

class SequenceLadder:
    """One direction of one pool, laid out for a walk of many amounts at once.

    `arrays` are those a swap may use, in walk order; None where one is unknown.
    """

    def __init__(
        self,
        state: WhirlpoolState,
        arrays: Sequence[LaidTicks | None],
        *,
        down: bool,
        limit: int,
        step_count_max: int,
    ) -> None: ...
    def pricing(self, *, fee: AdaptiveFee | None, vault_out: int) -> CompiledPricing:
        """What prices ascending amounts; more than `vault_out` is refused."""
    def targets(self) -> list[tuple[int, int, int | None]]:
        """What `swap.targets`, the specification, gives: every tick the walk may stop at."""
