import pytest
from fakes.cycle_pairs import SQUARE, TRIANGLE
from fakes.shm_quotes import quote

from pipeline.scanner.book import Book
from pipeline.scanner.cycles import cycles_of
from pipeline.scanner.partition import Partition
from quote_core.tokens import load_tokens

PAIRS = load_tokens().pairs


def test_whose_a_pair_is_never_changes() -> None:
    """Worked out by hand from the rule; another value would have two versions scan a pair twice, or not at all."""
    of_pair = {
        f"{pair.base.symbol}/{pair.quote.symbol}": index
        for pair in PAIRS
        for index in range(7)
        if Partition(index=index, count=7).has(pair)
    }
    assert of_pair == EXPECTED


PART_OF_TRIANGLE = 2

EXPECTED = {
    "SOL/USDC": 2,
    "SOL/JitoSOL": 2,
    "SOL/JupSOL": 5,
    "SOL/mSOL": 6,
    "SOL/hyloSOL": 5,
    "SOL/bbSOL": 2,
    "SOL/bonkSOL": 5,
    "SOL/dSOL": 0,
    "SOL/sSOL": 1,
    "SOL/stSOL": 5,
    "SOL/BNSOL": 3,
    "SOL/mpSOL": 4,
    "SOL/BGSOL": 6,
    "SOL/bSOL": 4,
    "SOL/INF": 0,
}


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_books_of_all_parts_have_every_pair_once(count: int) -> None:
    books = [Book(PAIRS, amount_count=1, partition=Partition(index=index, count=count)) for index in range(count)]
    assert sum(book.pair_count for book in books) == len(PAIRS)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_cycle_is_in_one_part_whichever_way_it_is_gone_round(count: int) -> None:
    for cycle in cycles_of(SQUARE, leg_count_max=4):
        parts = [index for index in range(count) if Partition(index=index, count=count).has_tokens(cycle)]
        assert len(parts) == 1
        other_way = (cycle[0], *reversed(cycle[1:]))
        assert Partition(index=parts[0], count=count).has_tokens(other_way)


def test_whose_a_cycle_is_never_changes() -> None:
    triangle = cycles_of(SQUARE, leg_count_max=3)[0]
    assert [index for index in range(7) if Partition(index=index, count=7).has_tokens(triangle)] == [PART_OF_TRIANGLE]


def test_a_part_follows_the_pairs_its_cycles_lead_through_and_looks_at_its_own_only() -> None:
    books = [
        Book(TRIANGLE, amount_count=1, partition=Partition(index=index, count=5), cycle_leg_count_max=4)
        for index in range(5)
    ]
    assert sum(book.pair_count for book in books) == len(TRIANGLE)
    (with_cycles,) = (book for book in books if book.cycle_count)
    assert with_cycles.cycle_count == 2
    for position, pair in enumerate(TRIANGLE):
        legs = with_cycles.take(quote(2 * position, pair=pair))
        assert legs is not None
    followed = [book.take(quote(0, pair=TRIANGLE[0])) for book in books]
    assert sum(legs is not None and legs.is_own for legs in followed) == 1
