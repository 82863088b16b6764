from recorded_market.rate_window import WINDOW_NS, RateWindow

SECOND_NS = 1_000_000_000


def test_requests_pass_until_the_window_is_full_and_then_one_frees_at_a_time() -> None:
    window = RateWindow(2)
    assert [window.take(at).is_allowed for at in (0, 10, 20)] == [True, True, False]
    assert window.take(WINDOW_NS - 1).is_allowed is False
    assert [window.take(WINDOW_NS + at).is_allowed for at in (0, 1, 10)] == [True, False, True]


def test_a_reading_says_what_is_left_and_when_a_slot_frees() -> None:
    window = RateWindow(2)
    window.take(0)
    reading = window.take(20 * SECOND_NS)
    assert (reading.current_count, reading.remaining_count) == (2, 0)
    assert reading.frees_in_ns == 40 * SECOND_NS


def test_refused_requests_do_not_count() -> None:
    window = RateWindow(1)
    window.take(0)
    for at in range(1, 50):
        assert not window.take(at * SECOND_NS).is_allowed
    assert window.take(WINDOW_NS).is_allowed


def test_a_window_of_none_refuses_everything() -> None:
    assert not RateWindow(0).take(5).is_allowed
