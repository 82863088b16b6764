"""Whatever comes from outside is a value within its bounds, or refused in one way."""

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quote_core.outside import address, bounded_int, bounded_text, decimal_int, finite, retry_after_ns, until_ns

WORDS = (
    st.text(max_size=80)
    | st.from_regex(r"[-+]?[0-9_ ]{0,40}(\.[0-9]{0,9})?(e[+-]?[0-9]{1,4})?", fullmatch=True)
    | st.sampled_from(["NaN", "Infinity", "-inf", "1e308", "1e-400", "9" * 5_000, "0x10", "٣", "", "١٢", "1\n"])
)
ANYTHING: st.SearchStrategy[Any] = (
    WORDS | st.integers() | st.floats() | st.booleans() | st.none() | st.lists(st.integers(), max_size=2)
)
HEADERS = st.dictionaries(st.sampled_from(["Retry-After", "Date", "x-ratelimit-reset"]), WORDS)


def or_none(read: Any, value: object, **bounds: Any) -> Any:
    try:
        return read(value, **bounds)
    except ValueError as error:
        told = str(error)
    assert len(told) < 120, "the words themselves have no bound"
    return None


@given(ANYTHING, st.integers(0, 10**20), st.integers(0, 10**20))
@example(2**63, 0, 2**48 - 1)
def test_whole_numbers_are_within_their_bounds_or_refused(value: object, low: int, span: int) -> None:
    for read in (bounded_int, decimal_int):
        got = or_none(read, value, low=low, high=low + span)
        assert got is None or (type(got) is int and low <= got <= low + span)


@given(st.integers(0, 2**64 - 1))
def test_plain_digits_are_the_number_they_spell(value: int) -> None:
    assert decimal_int(str(value), low=0, high=2**64 - 1) == value


@given(ANYTHING)
def test_fractions_are_finite_and_within_their_bounds_or_refused(value: object) -> None:
    got = or_none(finite, value, low=-1.0, high=1.0)
    assert got is None or (math.isfinite(got) and -1.0 <= got <= 1.0)


@given(st.floats(-1.0, 1.0))
def test_a_fraction_is_read_as_it_is_written(value: float) -> None:
    assert finite(repr(value), low=-1.0, high=1.0) == value


@given(ANYTHING)
def test_names_and_addresses_are_bounded_text_or_refused(value: object) -> None:
    name = or_none(bounded_text, value, char_count_max=20)
    assert name is None or (len(name) <= 20 and name.isprintable())
    assert or_none(address, value) is None


@pytest.mark.parametrize("mint", ["So11111111111111111111111111111111111111112", "1" * 32])
def test_an_address_is_given_as_it_is(mint: str) -> None:
    assert address(mint) == mint


@given(HEADERS, st.integers(0, 2**62))
def test_any_headers_ask_for_a_wait_or_for_none(headers: dict[str, str], now_unix_ns: int) -> None:
    for asked_ns in (
        retry_after_ns(headers, now_unix_ns=now_unix_ns),
        until_ns("x-ratelimit-reset", headers, now_unix_ns=now_unix_ns),
    ):
        assert asked_ns is None or asked_ns >= 0
