import math

import pytest
from fakes.cycle_pairs import TRIANGLE
from fakes.shm_quotes import quote

from pipeline.scanner.book import Book, PairDirection
from quote_core.tokens import load_tokens
from shm import ENTRY_COUNT, Flag

PAIRS = load_tokens().pairs
GOOD = quote(0)


@pytest.fixture
def book() -> Book:
    return Book(PAIRS, amount_count=1)


def test_a_watched_row_is_held_in_its_pair_and_direction(book: Book) -> None:
    legs = book.take(GOOD)
    back = book.take(quote(1, is_reverse=True))
    assert legs is not None
    assert legs is back
    assert legs.name == "SOL-USDC"
    assert list(legs.legs(PairDirection.FORWARD)) == [0]
    assert list(legs.legs(PairDirection.REVERSE)) == [1]
    assert legs.forward[0].oracle_price == 140.0


def test_a_pair_that_is_not_watched_is_none_of_its_business(book: Book) -> None:
    assert book.take(quote(0, output_mint=bytes(32))) is None
    assert book.row_count == 0


@pytest.mark.parametrize(
    "change",
    [
        {"flags": Flag(0)},
        {"flags": Flag.VALID | Flag.STALE},
        {"output_amount": 0},
        {"input_amount": 0},
        {"output_amount": 2**64 - 1},
        {"price_impact_ppm": 1_000_001},
        {"confidence_bps": 10_001},
    ],
    ids=["invalid", "stale", "gives nothing", "takes nothing", "gives too much", "impact", "confidence"],
)
def test_a_quote_not_to_be_acted_on_leaves_its_row_empty_but_its_pair_touched(
    book: Book, change: dict[str, object]
) -> None:
    book.take(GOOD)
    legs = book.take(quote(0, **change))
    assert legs is not None
    assert not legs.forward
    assert book.row_count == 0


def test_a_row_of_ours_through_several_pools_is_no_leg_and_is_counted(book: Book) -> None:
    book.take(GOOD)
    legs = book.take(quote(0, dex_id=0))
    assert legs is not None
    assert (list(legs.forward), book.row_count, book.routed_count) == ([], 0, 1)
    book.take(quote(0, dex_id=3))
    assert (list(legs.forward), book.routed_count) == ([0], 1)


def test_a_providers_row_never_names_a_dex_and_is_a_leg(book: Book) -> None:
    legs = book.take(quote(0, dex_id=0, source=2))
    assert legs is not None
    assert (list(legs.forward), book.routed_count) == ([0], 0)


def test_a_row_given_to_another_pair_leaves_the_old_one(book: Book) -> None:
    old = book.take(GOOD)
    new = book.take(quote(0, pair=PAIRS[1]))
    assert old is not None
    assert new is not None
    assert (list(old.forward), list(new.forward)) == ([], [0])


@pytest.mark.parametrize("oracle_price", [math.nan, math.inf, 0.0, -1.0])
def test_an_oracle_price_that_is_none_is_not_taken(book: Book, oracle_price: float) -> None:
    legs = book.take(quote(0, oracle_price=oracle_price))
    assert legs is not None
    assert legs.forward[0].oracle_price is None


def test_confidence_that_is_not_present_counts_as_none(book: Book) -> None:
    legs = book.take(quote(0, flags=Flag.VALID))
    assert legs is not None
    assert legs.forward[0].confidence_bps == 0


@pytest.mark.parametrize("file_start", [0, ENTRY_COUNT])
def test_a_clients_row_is_nothing_to_trade_on(book: Book, file_start: int) -> None:
    watched_count = len(PAIRS) * 2
    assert book.take(quote(file_start + watched_count - 1)) is not None
    assert book.take(quote(file_start + watched_count)) is None
    assert book.row_count == 1


def test_a_row_vouched_for_beyond_all_times_is_none(book: Book) -> None:
    legs = book.take(quote(0, ts_ns=2**63))
    assert legs is not None
    assert not legs.forward


def test_changed_rows_name_the_cycles_through_their_direction_once() -> None:
    book = Book(TRIANGLE, amount_count=2, cycle_leg_count_max=4)
    book.take(quote(0, pair=TRIANGLE[0]))
    book.take(quote(1, pair=TRIANGLE[0]))
    assert [cycle.name for cycle in book.changed_cycles()] == ["SOL-USDC-JitoSOL"]
    assert list(book.changed_cycles()) == []
    book.take(quote(2, pair=TRIANGLE[0], is_reverse=True))
    book.take(quote(8, pair=TRIANGLE[2]))
    assert [cycle.name for cycle in book.changed_cycles()] == ["SOL-JitoSOL-USDC"]


def test_a_ladder_follows_the_rows_of_its_source(book: Book) -> None:
    legs = book.take(GOOD)
    assert legs is not None
    book.take(quote(ENTRY_COUNT, source=2, dex_id=0))
    local, external = legs.ladders[PairDirection.FORWARD.value]
    assert (len(local), len(external)) == (1, 1)
    assert legs.walk.may_gain(-10_000, 0, 0)
    assert [leg.row for leg in legs.smallest(PairDirection.FORWARD)] == [0, ENTRY_COUNT]
    book.drop(0)
    assert (len(local), len(external)) == (0, 1)
