import random

from quote_core.resilience import Backoff

MS = 1_000_000


def test_pauses_double_up_to_the_longest_and_lie_in_their_upper_half() -> None:
    backoff = Backoff(first_ns=100 * MS, pause_ns_max=1_000 * MS, rng=random.Random(7))
    for whole_s in (0.1, 0.2, 0.4, 0.8, 1.0, 1.0):
        assert whole_s / 2 <= backoff.next_s() <= whole_s


def test_success_starts_over() -> None:
    backoff = Backoff(first_ns=100 * MS, pause_ns_max=1_000 * MS)
    for _ in range(5):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() <= 0.1


def test_a_day_of_failures_still_pauses_no_longer_than_the_longest() -> None:
    backoff = Backoff(first_ns=100 * MS, pause_ns_max=1_000 * MS)
    for _ in range(10_000):
        assert backoff.next_s() <= 1.0
