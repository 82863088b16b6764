"""Ages that cross hosts: never younger than they are, and older by the ways to the server and back at most."""

from hypothesis import given
from hypothesis import strategies as st

from quote_core.shared_cache import Instant

NS_PER_US = 1_000
moments = st.integers(0, 10**18)
ways = st.integers(0, 10**9)


@given(
    true_ns=moments,
    put_after_ns=ways,
    read_after_ns=ways,
    ways_ns=st.tuples(ways, ways, ways, ways),
    server_ahead_ns=st.integers(10**9, 10**18),
    reader_ahead_ns=st.integers(-(10**18), 10**18),
)
def test_age_on_another_host_is_at_least_what_it_is(
    true_ns: int,
    put_after_ns: int,
    read_after_ns: int,
    ways_ns: tuple[int, int, int, int],
    server_ahead_ns: int,
    reader_ahead_ns: int,
) -> None:
    """All by the writer's clock; the server's and the reader's are somewhere else."""
    there, back, there_again, back_again = ways_ns
    asked_ns = true_ns + put_after_ns
    writer = Instant((asked_ns + there + server_ahead_ns) // NS_PER_US, asked_ns, asked_ns + there + back)
    stamp_us = writer.stamp_us(true_ns)

    read_ns = asked_ns + there + back + read_after_ns
    heard_ns = read_ns + there_again + back_again
    server_us = (read_ns + there_again + server_ahead_ns) // NS_PER_US
    reader = Instant(server_us, read_ns + reader_ahead_ns, heard_ns + reader_ahead_ns)
    told_ns = reader.mono_ns(stamp_us)

    assert told_ns is not None
    late_ns = (true_ns + reader_ahead_ns) - told_ns
    assert 0 <= late_ns <= sum(ways_ns) + 3 * NS_PER_US, "the server's clock shows microseconds"


@given(server_us=st.integers(0, 2**53), ahead_us=st.integers(1, 10**9))
def test_moment_that_lies_ahead_is_none(server_us: int, ahead_us: int) -> None:
    assert Instant(server_us, 0, 0).mono_ns(server_us + ahead_us) is None
