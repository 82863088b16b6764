"""Ladders that follow their rows, and the walk through those of a cycle: `pipeline.scanner.ladder`, compiled."""

from collections.abc import Sequence

class Rungs:
    """One direction's quotes of one source. A row is held once."""

    def __len__(self) -> int: ...
    def put(self, row: int, input_amount: int, output_amount: int, route_id: int, vouched_unix_ns: int) -> None:
        """Hold a row's present content; both amounts are 1 .. 2**63 - 1."""
    def drop(self, row: int) -> None:
        """Forget a row, if it is held."""
    def least_output(self, amount: int, oldest_ns: int, newest_ns: int) -> int:
        """See `ladder.least_output`; of the rows vouched for within the two times."""
    def least_input(self, output: int, oldest_ns: int, newest_ns: int) -> int | None:
        """See `ladder.least_input`."""
    def rows(self, amount: int) -> tuple[int, ...]:
        """The rows that the output of `amount` follows from, by the times asked for last.

        The one it rests on comes first: at the amount, or the larger one of the route that gives it.
        """

class Walk:
    """A cycle's legs, each with its ladders in order of preference; the ladders go on following their rows.

    Raises:
        ValueError: There are no legs or more than four, or not as many ladders in each, one or two.
    """

    def __init__(self, legs: Sequence[Sequence[Rungs]]) -> None: ...
    def may_gain(self, bps: int, oldest_ns: int, newest_ns: int) -> bool:
        """Whether the best rates of all legs together gain that much; if not, no size does."""
    def best_amounts(
        self, *, gross_bps_min: int, fee_bps: int, fixed_cost: int, oldest_ns: int, newest_ns: int
    ) -> tuple[int, ...] | None:
        """See `ladder.best_amounts`."""
    def rows(self, amounts: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        """Of each leg, the rows that its output follows from; see `Rungs.rows`."""

def that_may_gain(walks: list[Walk], bps: int, oldest_ns: int, newest_ns: int) -> list[int]:
    """The places of those of which `Walk.may_gain` is true."""
