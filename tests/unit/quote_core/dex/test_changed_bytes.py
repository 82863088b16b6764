"""Where account bytes differ from before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex.changed_bytes import changed_items, is_same_outside

pairs = st.integers(0, 60).flatmap(
    lambda size: st.tuples(
        st.lists(st.integers(0, 1), min_size=size, max_size=size).map(bytes),
        st.lists(st.integers(0, 1), min_size=size, max_size=size).map(bytes),
    )
)


@given(pairs, st.integers(0, 70), st.integers(1, 9))
def test_items_that_differ_are_those_whose_bytes_do(pair: tuple[bytes, bytes], offset: int, size_bytes: int) -> None:
    before, after = pair
    items = [range(at, at + size_bytes) for at in range(offset, len(after) - size_bytes + 1, size_bytes)]
    wanted = [number for number, item in enumerate(items) if any(before[at] != after[at] for at in item)]
    assert changed_items(before, after, offset=offset, size_bytes=size_bytes) == wanted


@given(pairs, st.integers(0, 60), st.integers(0, 60))
def test_the_same_outside_of_a_field_is_the_same_with_the_field_cut_out(
    pair: tuple[bytes, bytes], start: int, end: int
) -> None:
    before, after = pair
    start, end = sorted((min(start, len(after)), min(end, len(after))))
    assert is_same_outside(before, after, start, end) == (before[:start] + before[end:] == after[:start] + after[end:])


def test_of_another_length_nothing_is_the_same() -> None:
    assert not is_same_outside(b"abcd", b"abc", 0, 3)
    with pytest.raises(ValueError, match="as long"):
        changed_items(b"abcd", b"abc", offset=0, size_bytes=1)


@pytest.mark.parametrize(("offset", "size_bytes"), [(-1, 1), (0, 0), (0, -1)])
def test_items_have_a_place_and_a_size(offset: int, size_bytes: int) -> None:
    with pytest.raises(ValueError, match="size"):
        changed_items(b"abc", b"abc", offset=offset, size_bytes=size_bytes)


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (0, 4)])
def test_a_field_lies_in_the_account(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="lie in the account"):
        is_same_outside(b"abc", b"abc", start, end)
