from fakes.fake_clock import FakeClock

from quote_core.events import derived_id, random_id, stamp


def test_the_same_cause_gives_the_same_id_and_another_cause_another() -> None:
    first = derived_id("plan", b"opportunity", 7)
    assert first == derived_id("plan", b"opportunity", 7)
    assert len(first) == 16
    assert first != derived_id("plan", b"opportunity", 8)
    assert first != derived_id("result", b"opportunity", 7)


def test_parts_do_not_run_into_each_other() -> None:
    assert derived_id("x", "ab", "c") != derived_id("x", "a", "bc")


def test_random_ids_differ() -> None:
    assert random_id() != random_id()


def test_a_stamp_has_the_clocks_time() -> None:
    header = stamp(FakeClock(unix_ns=123), slot=9)
    assert (header.created_unix_ns, header.slot, len(header.event_id)) == (123, 9, 16)
