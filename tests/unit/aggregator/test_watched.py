from fakes.held_quotes import MSOL, SOL, TOKENS, USDC

from aggregator.rows import RowRegistry
from aggregator.watched import WatchedRows
from quote_core.quotes import QuoteKey

AMOUNTS = (500_000_000, 1_000_000_000, 2_000_000_000)
PAIRS = [pair for pair in TOKENS.pairs if pair.quote.symbol in {"USDC", "mSOL"}]
USD = {SOL: 140.0, USDC: 1.0, MSOL: 182.0}


def watched() -> tuple[RowRegistry, WatchedRows]:
    rows = RowRegistry(count_max=20, watched_count=12, client_rows_max=8)
    return rows, WatchedRows(rows, PAIRS, AMOUNTS)


def test_forward_rows_are_there_before_any_price() -> None:
    rows, _ = watched()
    assert [key.input_amount for _, key in rows] == [*AMOUNTS, *AMOUNTS]
    assert {(key.input_mint, key.output_mint) for _, key in rows} == {(SOL, USDC), (SOL, MSOL)}


def test_reverse_rows_have_the_worth_of_their_forward_rows() -> None:
    rows, watch = watched()
    assert watch.follow(USD)
    assert rows.find(QuoteKey(USDC, SOL, 70_000_000)) is not None
    assert rows.find(QuoteKey(USDC, SOL, 280_000_000)) is not None
    assert rows.find(QuoteKey(MSOL, SOL, 769_000_000)) is not None
    assert len(rows) == 12


def test_pair_without_a_price_has_no_reverse_rows_until_it_has_one() -> None:
    rows, watch = watched()
    watch.follow({SOL: 140.0, USDC: 1.0})
    assert len(rows) == 9
    watch.follow(USD)
    assert len(rows) == 12


def test_wobbling_price_changes_nothing() -> None:
    _rows, watch = watched()
    watch.follow(USD)
    assert not watch.follow(USD | {SOL: 146.9})
    assert not watch.follow(USD | {SOL: 133.1})


def test_price_moved_by_more_than_five_percent_moves_the_rows_and_keeps_their_numbers() -> None:
    rows, watch = watched()
    watch.follow(USD)
    index = rows.find(QuoteKey(USDC, SOL, 140_000_000))
    assert watch.follow({SOL: 150.0, USDC: 1.0})
    assert index is not None
    assert rows.key(index) == QuoteKey(USDC, SOL, 150_000_000)
    assert rows.find(QuoteKey(USDC, SOL, 140_000_000)) is None


def test_move_is_counted_from_the_price_the_rows_were_set_at() -> None:
    _rows, watch = watched()
    watch.follow(USD)
    for sol in (143.0, 146.0):
        assert not watch.follow({SOL: sol, USDC: 1.0})
    assert watch.follow({SOL: 148.0, USDC: 1.0})


def test_nearest_rows_are_one_a_direction_of_one_size() -> None:
    rows, watch = watched()
    watch.follow({SOL: 140.0, USDC: 1.0})
    keys = [key for _, key in rows.some(watch.nearest(1_100_000_000))]
    assert keys == [
        QuoteKey(SOL, USDC, 1_000_000_000),
        QuoteKey(USDC, SOL, 140_000_000),
        QuoteKey(SOL, MSOL, 1_000_000_000),
    ]


def test_every_direction_has_its_own_block_of_numbers_in_the_registrys_order() -> None:
    rows, watch = watched()
    watch.follow(USD)
    by_number = {index: (key.input_mint, key.output_mint) for index, key in rows}
    expected = [direction for pair in PAIRS for direction in ((SOL, pair.quote.mint), (pair.quote.mint, SOL))]
    assert [by_number[block * len(AMOUNTS)] for block in range(4)] == expected


def test_clients_cannot_keep_watched_rows_from_following_the_price() -> None:
    rows, watch = watched()
    watch.follow(USD)
    shared = [key for _, key in rows]
    rows.hold("sharing", shared)
    rows.hold("filling", [QuoteKey(SOL, USDC, amount) for amount in range(1, 9)])
    assert watch.follow({SOL: 160.0, USDC: 1.0, MSOL: 182.0})
    assert rows.key(4) == QuoteKey(USDC, SOL, 160_000_000)
    assert {index for index, _ in rows if index < 12} == set(range(12))
