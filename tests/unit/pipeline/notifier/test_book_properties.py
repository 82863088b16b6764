"""Whatever happens in whatever order: nobody misses how an alert stands, nobody is told the same twice."""

from fakes.alerts import NOW_NS, SECOND_NS, notice, rules
from hypothesis import given
from hypothesis import strategies as st

from pipeline.notifier.alert import Ending, Level
from pipeline.notifier.book import AlertBook, BookRules

KEYS = st.sampled_from(["kill_switch", "process:planner", "dead_letter:PLANNED.executor"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("notice"), KEYS, st.sampled_from([Level.INFO, Level.WARNING, Level.CRITICAL]), st.booleans()),
        st.tuples(st.just("end"), KEYS),
        st.tuples(st.just("ack"), st.integers(1, 5)),
        st.tuples(st.just("tell"), st.sampled_from(["mail", "pager", "boss", "chat"]), st.booleans()),
        st.tuples(st.just("wait"), st.integers(1, 3_600)),
    ),
    max_size=40,
)


@given(STEPS)
def test_everybody_ends_up_knowing_how_everything_stands_and_hears_nothing_twice(steps: list[tuple[object, ...]]):
    told: list[tuple[str, int, int]] = []
    settings: BookRules = rules()
    book, now = AlertBook(settings), NOW_NS

    def tell(name: str, *, is_quiet: bool) -> None:
        due = book.due(name, now_unix_ns=now, is_quiet=is_quiet)
        told.extend((name, one.number, one.news) for one in due)
        assert not is_quiet or all(one.worst >= Level.CRITICAL for one in due)
        book.note_told(name, due)

    for step in steps:
        match step:
            case ("notice", str(key), Level() as level, bool(is_lasting)):
                book.take(notice(key, level=level, is_lasting=is_lasting, at_unix_ns=now), now_unix_ns=now)
            case ("end", str(key)):
                book.end(Ending(key=key, text="", at_unix_ns=now), now_unix_ns=now)
            case ("ack", int(number)):
                book.acknowledge(number, by="alice", now_unix_ns=now)
            case ("tell", str(name), bool(is_quiet)):
                tell(name, is_quiet=is_quiet)
            case ("wait", int(seconds)):
                now += seconds * SECOND_NS
                book.look(now_unix_ns=now)
    now += settings.group_wait_ns
    for name in settings.thresholds:
        tell(name, is_quiet=False)
    assert len(set(told)) == len(told)
    for one in book.alerts:
        for name, threshold in settings.thresholds.items():
            if one.worst >= threshold:
                assert (name, one.number, one.news) in told
    numbers = [one.number for one in book.alerts]
    assert numbers == sorted(set(numbers))
    assert len({one.key for one in book.alerts if not one.ended_unix_ns}) == sum(
        not one.ended_unix_ns for one in book.alerts
    )
