import pytest

from pipeline.scanner.book import Book
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
