"""One amount shared out over several chains of swaps, on their curves, in C."""

from local_quote.route_curves import RouteCurves

def split_chains(
    curves: RouteCurves,
    source: int,
    target: int,
    amount: float,
    *,
    hop_count_max: int,
    leg_count_max: int,
    step_percent: int,
    usable: bytes | bytearray,
) -> list[tuple[tuple[int, ...], int]]:
    """Share `amount` out over chains, each with its percent, in the order in which they run; empty = nobody fills it.

    Args:
        curves: What the edges give.
        source: Mint that goes in.
        target: Mint that comes out; `source` for circular chains.
        amount: What goes in.
        hop_count_max: Most edges of a chain, 1 to 3.
        leg_count_max: Most chains, 1 to 3.
        step_percent: Shares come to be in tenths and are refined down to steps of so many percent, 1 to 10.
        usable: One byte a pool; 0 = not to be gone through.
    """
