from array import array
from collections.abc import Sequence

from quote_core.dex.raydium_clmm.state import ClmmState, DynamicFee, TickLine

class LaidLine:
    """The ticks of a line: laid out once a change of the arrays."""

    line: TickLine

    def __init__(self, line: TickLine) -> None: ...

class LineLadder:
    """One pool's state, laid out for a walk of many amounts at once."""

    @property
    def ran_out(self) -> bool:
        """Whether the last ladder had an amount left where the ticks end."""

    def __init__(
        self, state: ClmmState, laid: LaidLine, *, limit_down: int, limit_up: int, step_count_max: int
    ) -> None:
        """`laid` is the state's line."""

    def outputs(
        self, amounts: Sequence[int], *, zero_for_one: bool, fee: DynamicFee | None, vault_out: int
    ) -> array[int]:
        """Outputs of ascending amounts, 0 where refused."""
