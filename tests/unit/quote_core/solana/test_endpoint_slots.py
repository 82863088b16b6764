"""Whose slots the others are measured against."""

from quote_core.solana.endpoint_slots import SlotTrack, newest_slot

MS = 1_000_000


def along(first: int, *, until_ms: int = 4_000) -> SlotTrack:
    """A track of a chain that went on every 400 ms."""
    track = SlotTrack()
    for ms in range(0, until_ms + 1, 400):
        track.tell(first + ms // 400, ms * MS)
    return track


def test_slots_that_advance_for_two_seconds_are_a_chain() -> None:
    track = SlotTrack()
    for number in range(5):
        track.tell(100 + number, number * 400 * MS)
    assert not track.is_along(1_600 * MS)
    track.tell(105, 2_000 * MS)
    assert track.is_along(2_000 * MS)
    assert newest_slot([track, SlotTrack()], 2_000 * MS) == 105


def test_a_slot_no_chain_reaches_is_not_the_newest() -> None:
    honest, liar = along(100), along(100)
    liar.tell(2**47, 4_100 * MS)
    assert newest_slot([honest, liar], 4_100 * MS) == 110


def test_who_stands_still_or_is_gone_is_measured_against_no_more() -> None:
    gone, here = along(200), along(100, until_ms=10_000)
    assert newest_slot([gone, here], 4_000 * MS) == 210
    assert newest_slot([gone, here], 10_000 * MS) == 125


def test_one_that_goes_on_from_a_jump_is_believed_after_a_while() -> None:
    track = along(100)
    for number in range(6):
        track.tell(10_000 + number, (4_400 + number * 400) * MS)
    assert newest_slot([track], 6_400 * MS) == 10_005


def test_a_node_that_tells_a_slot_twice_or_one_before_is_still_along() -> None:
    track = along(100)
    track.tell(108, 4_100 * MS)
    assert track.slot == 108
    assert newest_slot([track], 4_100 * MS) == 110
