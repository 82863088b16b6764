"""Hours in which only what is critical is told, by the clock of a time zone."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final, Self

__all__ = ["QuietHours"]

_FORM: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begin`, which is within, to `end`, which is not; over midnight when `end` is the earlier one."""

    begin: time
    end: time
    zone: tzinfo = UTC

    @classmethod
    def read(cls, text: str, zone: tzinfo = UTC) -> Self:
        """As it is written: `22:00-07:00`.

        Raises:
            ValueError: It is not.
        """
        match = _FORM.fullmatch(text)
        if match is None or match[1] + match[2] == match[3] + match[4]:
            raise ValueError("must be two different times such as 22:00-07:00")
        hours = [int(part) for part in match.groups()]
        return cls(time(hours[0], hours[1]), time(hours[2], hours[3]), zone)

    def covers(self, unix_ns: int) -> bool:
        """Whether a moment is in them."""
        moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=unix_ns // 1_000)
        now = moment.astimezone(self.zone).time()
        if self.begin < self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end
