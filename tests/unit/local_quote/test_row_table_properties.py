"""Whatever happens to the pools, every row equals the best of all pools priced alone."""

from fakes.held_market import SOL, USDC, HeldMarket, HeldRow
from hypothesis import given, settings
from hypothesis import strategies as st

from quote_core.errors import MarketError

RESERVES = st.integers(10**6, 10**15)
CHANGES = st.lists(st.tuples(st.sampled_from(["p", "q", "r"]), RESERVES, RESERVES), max_size=12)
AMOUNTS = st.lists(st.integers(1, 10**14), min_size=1, max_size=6, unique=True)


def told(row: HeldRow) -> tuple[object, ...]:
    """What a change of is a change of the row."""
    if row.quote is None:
        return (type(row.refusal),)
    return row.quote.swap.output_amount, row.quote.swap.entry.pool.address, row.is_stale


@settings(max_examples=60, deadline=None)
@given(amounts=AMOUNTS, changes=CHANGES)
def test_incremental_pricing_equals_pricing_anew(amounts: list[int], changes: list[tuple[str, int, int]]) -> None:
    held = HeldMarket()
    pools = {name: held.add(name, 10**12, 80 * 10**9, fee_bps=fee) for name, fee in (("p", 1), ("q", 25), ("r", 100))}
    wanted = [(SOL, USDC, amount) for amount in amounts] + [(USDC, SOL, amount) for amount in amounts]
    rows = held.register(*wanted)
    versions = [row.version for row in rows]
    for name, amount_a, amount_b in changes:
        before = [told(row) for row in rows]
        held.notify(pools[name], a=amount_a, b=amount_b)
        for row, told_before, version_before in zip(rows, before, versions, strict=True):
            assert (told(row) == told_before) == (row.version == version_before)
        versions = [row.version for row in rows]
    for row, (input_token, output_token, amount) in zip(rows, wanted, strict=True):
        try:
            best = held.market.quoter.best(input_token, output_token, amount)
        except MarketError:
            assert row.quote is None
        else:
            assert row.quote is not None
            assert row.quote.swap.output_amount == best.output_amount
            assert row.quote.swap.entry is best.entry
