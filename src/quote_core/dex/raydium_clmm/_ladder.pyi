from collections.abc import Callable

from quote_core.dex._ladder_frame import CompiledPricing
from quote_core.dex.raydium_clmm.state import ClmmState, DynamicFee, TickLine

class LaidLine:
    """The ticks of a line: laid out once a change of the arrays."""

    line: TickLine

    def __init__(self, line: TickLine) -> None: ...

class LineLadder:
    """One pool's state, laid out for a walk of many amounts at once."""

    def __init__(
        self, state: ClmmState, laid: LaidLine, *, limit_down: int, limit_up: int, step_count_max: int
    ) -> None:
        """`laid` is the state's line."""

    def pricing(
        self, *, zero_for_one: bool, fee: DynamicFee | None, vault_out: int, ran_out: Callable[[], object]
    ) -> CompiledPricing:
        """What prices ascending amounts; it calls `ran_out` when one is left where the ticks end."""
