"""Who has seen the switch: each trading process's own word of which revision its gate goes by.

A process says so in its health reports: at once when its gate has read another revision from the stream, and every
second. What it says is that the gate has read the event, not that it heard of it in passing: its decision follows from
it. A process of which nothing was heard for `SILENT_NS` has not acknowledged anything, whatever it said before; its own
gate closes where the bus is lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from quote_core.events import ServiceHealth

__all__ = ["TRADING_SERVICES", "Acknowledgement", "Acknowledgements"]

TRADING_SERVICES: Final = ("scanner", "planner", "executor")
"""Who has a gate; each is expected, whether or not it was ever heard of."""

SILENT_NS: Final = 10_000_000_000
FORGOTTEN_NS: Final = 60_000_000_000
"""A process silent for so long has ended."""

PROCESS_COUNT_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a process said last.

    Attributes:
        service: Which.
        instance: Which of several, by host and process id; empty = none of this service was heard of.
        revision: Of the latched state its gate goes by; 0 = it has read none.
        age_ns: How long ago it said so, by the wall clocks of both hosts; 0 when none was heard of.
        is_current: Whether that is the newest revision, and was said lately.
    """

    service: str
    instance: str
    revision: int
    age_ns: int
    is_current: bool


class Acknowledgements:
    """The last word of each process; bounded, and knows no clock."""

    def __init__(self) -> None:
        self._reports: dict[tuple[str, str], ServiceHealth] = {}

    def take(self, report: ServiceHealth) -> None:
        """Take a report of any service."""
        key = report.service, report.instance
        if report.service in TRADING_SERVICES and (key in self._reports or len(self._reports) < PROCESS_COUNT_MAX):
            self._reports[key] = report

    def of(self, revision: int, *, now_unix_ns: int) -> tuple[Acknowledgement, ...]:
        """What each process, and each service without one, has to say of this revision."""
        for key, report in list(self._reports.items()):
            if abs(now_unix_ns - report.header.created_unix_ns) >= FORGOTTEN_NS:
                del self._reports[key]
        return tuple(self._told(revision, now_unix_ns))

    def _told(self, revision: int, now_unix_ns: int) -> Iterator[Acknowledgement]:
        for service in TRADING_SERVICES:
            reports = [report for report in self._reports.values() if report.service == service]
            for report in sorted(reports, key=lambda report: report.instance):
                age_ns = max(0, now_unix_ns - report.header.created_unix_ns)
                is_current = report.switch_revision == revision and age_ns < SILENT_NS
                yield Acknowledgement(service, report.instance, report.switch_revision, age_ns, is_current)
            if not reports:
                yield Acknowledgement(service, "", 0, 0, is_current=False)
