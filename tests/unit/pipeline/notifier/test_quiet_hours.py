"""Quiet hours by the clock of a zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from pipeline.notifier.quiet_hours import QuietHours

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    ("moment", "is_quiet"),
    [
        ("2026-01-15T21:59:59", False),
        ("2026-01-15T22:00:00", True),
        ("2026-01-16T00:00:00", True),
        ("2026-01-16T06:59:59", True),
        ("2026-01-16T07:00:00", False),
        ("2026-07-15T21:59:59", False),
        ("2026-07-15T22:00:00", True),
        ("2026-03-29T03:30:00", True),
        ("2026-10-25T07:00:00", False),
    ],
)
def test_over_midnight_and_over_changes_of_the_clock(moment: str, is_quiet: bool):
    assert QuietHours.read("22:00-07:00", BERLIN).covers(at(moment)) is is_quiet


def test_within_a_day():
    noon = QuietHours.read("12:00-13:30", BERLIN)
    covered = [noon.covers(at(f"2026-01-15T{time}")) for time in ("11:59", "12:00", "13:29", "13:30")]
    assert covered == [False, True, True, False]


@pytest.mark.parametrize("text", ["", "22-7", "24:00-07:00", "22:00-22:00", "22:00", "22:60-07:00", "22:00-07:00 "])
def test_what_is_no_two_times_is_refused(text: str):
    with pytest.raises(ValueError, match="two different times"):
        QuietHours.read(text)
