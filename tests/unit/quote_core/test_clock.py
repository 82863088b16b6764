from quote_core.clock import AGE_UNKNOWN_NS, NO_MOMENT, SYSTEM_CLOCK, Moment, boot_id, moment

S = 1_000_000_000
HERE, ELSEWHERE = 7, 8


def test_a_step_of_the_wall_clock_changes_no_age_on_one_boot() -> None:
    then = Moment(HERE, 10 * S, 1_000 * S)
    assert then.age_ns(Moment(HERE, 13 * S, 4_600 * S)) == 3 * S
    assert then.age_ns(Moment(HERE, 13 * S, 0)) == 3 * S


def test_between_hosts_the_wall_clocks_decide() -> None:
    then = Moment(ELSEWHERE, 10 * S, 1_000 * S)
    assert then.age_ns(Moment(HERE, 99_999 * S, 1_003 * S)) == 3 * S


def test_wall_clocks_that_differ_a_little_give_no_age_below_zero() -> None:
    assert Moment(ELSEWHERE, 0, 1_001 * S).age_ns(Moment(HERE, 0, 1_000 * S)) == 0


def test_what_lies_ahead_vouches_for_nothing() -> None:
    assert Moment(HERE, 11 * S, 0).age_ns(Moment(HERE, 10 * S, 0)) == AGE_UNKNOWN_NS
    assert Moment(ELSEWHERE, 0, 1_003 * S).age_ns(Moment(HERE, 0, 1_000 * S)) == AGE_UNKNOWN_NS


def test_a_moment_never_told_is_older_than_every_limit() -> None:
    assert NO_MOMENT.age_ns(moment(SYSTEM_CLOCK)) > 365 * 86_400 * S


def test_a_boot_has_one_number() -> None:
    assert boot_id() == boot_id()
    assert 0 < boot_id() < 2**64
