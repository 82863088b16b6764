"""The order in which arrays are met, whoever else has asked for them and how far."""

from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex.walk import set_positions


@given(
    positions=st.sets(st.integers(0, 1_500), max_size=40),
    start=st.integers(0, 1_600),
    downwards=st.booleans(),
    looked_at=st.lists(st.integers(0, 50), max_size=4),
)
def test_set_positions_are_met_outwards_however_far_others_have_looked(
    positions: set[int], start: int, downwards: bool, looked_at: list[int]
) -> None:
    bits = sum(1 << position for position in positions)
    wanted = sorted(
        (position for position in positions if (position <= start if downwards else position >= start)),
        reverse=downwards,
    )
    found = set_positions(bits, start, downwards=downwards)
    for count in looked_at:
        assert [position for position, _ in zip(found, range(count), strict=False)] == wanted[:count]
    one, other = iter(found), iter(found)
    assert [next(one, None), next(other, None), next(one, None)] == [*(*wanted, None)[:1], *(*wanted, None, None)[:2]]
    assert list(found) == wanted
