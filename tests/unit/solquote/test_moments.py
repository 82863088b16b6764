import pytest

from quote_core.errors import InvalidField
from solquote.moments import unix_ns_of, utc_text

NOW = 1_700_000_000_000_000_000


@pytest.mark.parametrize(
    ("text", "unix_ns"),
    [
        ("90s", NOW - 90 * 10**9),
        ("1.5h", NOW - 5_400 * 10**9),
        ("1d", NOW - 86_400 * 10**9),
        ("99999d", 0),
        ("2023-11-14T22:13:20", NOW),
        ("2023-11-14T22:13:20.000001Z", NOW + 1_000),
        ("2023-11-15T00:13:20+02:00", NOW),
        ("2023-11-14", NOW - 80_000 * 10**9),
        ("1969-01-01", 0),
    ],
)
def test_a_time_is_a_span_before_now_or_a_date_in_utc(text: str, unix_ns: int) -> None:
    assert unix_ns_of(text, field="--since", now_unix_ns=NOW) == unix_ns


@pytest.mark.parametrize("text", ["", "10", "-5m", "1_0s", "yesterday", "٣m", "9999-99-99"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidField, match=r"--since: must be a time such as 10m"):
        unix_ns_of(text, field="--since", now_unix_ns=NOW)


def test_a_time_is_told_with_every_nanosecond() -> None:
    assert utc_text(NOW + 7) == "2023-11-14T22:13:20.000000007Z"
    assert utc_text(2**64 - 1) == "2554-07-21T23:34:33.709551615Z"
