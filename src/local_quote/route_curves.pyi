"""The best chain of swaps on sampled curves of all pools, in C."""

from array import array

AMOUNTS: array[int]
"""The inputs at which curves are sampled, smallest units, ascending."""

class RouteCurves:
    """Pools by number, from 0; of each two edges: twice its number for A to B, and one more for B to A.

    Mints are the caller's numbers, from 0.
    """

    def add_pool(self, mint_a: int, mint_b: int) -> int:
        """A pool that gives nothing yet; returns its number."""
    def set_curve(self, edge: int, outputs: array[int]) -> None:
        """What an edge gives for each of `AMOUNTS`, 0 where it refuses; an array of 64-bit integers.

        Raises:
            ValueError: There is no such edge, or there are not as many outputs as amounts.
        """
    def output(self, edge: int, amount: float) -> float:
        """What an edge gives for an amount, as its curve has it; 0 outside `AMOUNTS`."""
    def richest(
        self, source: int, target: int, amount: float, hop_count_max: int, usable: bytes | bytearray
    ) -> tuple[tuple[int, ...], float]:
        """The chain of up to three edges that brings most, and how much; empty where there is none.

        Args:
            source: Mint that goes in.
            target: Mint that comes out; `source` for a circular chain.
            amount: What goes in.
            hop_count_max: Most edges, 1 to 3.
            usable: One byte a pool; 0 = not to be gone through.
        """
