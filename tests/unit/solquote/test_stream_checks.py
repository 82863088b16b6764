import pytest

from quote_core.bus.survey import StreamSurvey
from quote_core.events import Stream
from solquote.checks import DoctorVerdict
from solquote.stream_checks import stream_finding


def survey(stream: Stream, *, message_count: int, bytes_max: int = 2_000_000_000, age_ns_max: int = 0) -> StreamSurvey:
    return StreamSurvey(
        stream=stream.value,
        message_count=message_count,
        size_bytes=1_500,
        first_unix_ns=None,
        last_unix_ns=None,
        last_sequence=message_count,
        consumer_count=0,
        storage="file",
        age_ns_max=age_ns_max,
        bytes_max=bytes_max,
        message_count_max=-1,
    )


def test_a_stream_is_told_with_its_bytes_against_its_bound():
    finding = stream_finding(survey(Stream.EXECUTED, message_count=1_234, age_ns_max=7 * 86_400 * 10**9))
    assert finding.verdict is DoctorVerdict.OK
    assert finding.subject == "stream EXECUTED"
    assert finding.detail == "1,234 messages, 1.5 kB of at most 2.0 GB; keeps 7 days, in file"


def test_a_stream_without_bounds_says_so():
    detail = stream_finding(survey(Stream.EXECUTED, message_count=1, bytes_max=-1)).detail
    assert detail == "1 messages, 1.5 kB without bound; keeps for ever, in file"


@pytest.mark.parametrize(("count", "verdict"), [(0, DoctorVerdict.OK), (1, DoctorVerdict.WARNING)])
def test_a_dead_letter_is_something_to_look_at(count: int, verdict: DoctorVerdict):
    finding = stream_finding(survey(Stream.DEAD_LETTERS, message_count=count))
    assert finding.verdict is verdict
    assert ("solquote events dump --stream DEAD_LETTERS" in finding.mend) == (count > 0)
