"""Ids of quotes: what they are made of, that they come back whole, and that a mistyped one is told."""

import string

import pytest
from fakes.held_market import SOL, USDC
from hypothesis import given
from hypothesis import strategies as st

from quote_core.errors import InvalidField
from quote_core.quote_id import EXTERNAL, ID_CHARACTERS, LOCAL, QuoteId, input_mark, parse_quote_id, quote_id_of
from quote_core.units import U64_MAX

U64 = st.integers(0, U64_MAX)
IDS = st.builds(QuoteId, st.sampled_from([LOCAL, EXTERNAL]), U64, U64, U64, U64, st.integers(0, 2**32 - 1))
ALPHABET = string.ascii_letters + string.digits + "-_"


def test_an_id_is_the_one_that_the_module_describes() -> None:
    """A fixed text: whoever reads shared memory in another language works it out likewise."""
    quote_id = quote_id_of(LOCAL, 7, SOL.mint, 10**9, 81_000_000, 436_453_903)
    assert quote_id.text == "qQAAAAAAAAAHAAAAADuaygAAAAAABNP2QAAAAAAaA8IP0vxNLCzC"
    assert quote_id.mark == input_mark(SOL.mint) != input_mark(USDC.mint)


@given(quote_id=IDS)
def test_an_id_comes_back_whole(quote_id: QuoteId) -> None:
    text = quote_id.text
    assert len(text) == ID_CHARACTERS
    assert text.startswith("q")
    assert parse_quote_id(text) == quote_id


@given(quote_id=IDS, place=st.integers(0, ID_CHARACTERS - 1), typed=st.sampled_from(ALPHABET))
def test_a_mistyped_character_is_told(quote_id: QuoteId, place: int, typed: str) -> None:
    text = quote_id.text
    mistyped = text[:place] + typed + text[place + 1 :]
    if mistyped != text:
        with pytest.raises(InvalidField):
            parse_quote_id(mistyped)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must have 52 characters, got 0"),
        ("q" * 51 + "é", "must be letters, digits, - and _"),
        ("q" * 51 + "+", "is mistyped"),
        ("q" * 51 + "!", "must be letters, digits, - and _"),
        ("q" * 51 + "=", "is mistyped"),
        ("A" * 52, "is no id of a quote, or of a newer version"),
        ("q" * 52, "is mistyped"),
    ],
)
def test_what_is_no_id_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(InvalidField, match=why):
        parse_quote_id(text)
