"""From the reports on METRICS to notices of processes that are unwell, silent, or started anew. Pure.

| a process                            | level    | over                                            |
|--------------------------------------|----------|-------------------------------------------------|
| reports nothing for `silence_ns`     | critical | with its next report, after `settle_ns` of good ones |
| reports that it does not serve, for  | warning  | after `settle_ns` without                       |
| `unwell_ns` or again and again       |          |                                                 |
| reports a detail, which is a trouble | warning  | the same                                        |
| that reported before has started     | info     | by itself (`book`)                              |

Every process is unwell while it starts, so that alone is told to nobody: the first report of a trouble begins a time,
and one after `unwell_ns` of it is told. The time is over when the process has been well for `settle_ns`.

A process that is known from before the notifier started is given `START_NS` more: when a whole platform starts, it
comes only after those it needs.

Processes are told apart by their name: of several instances one that is unwell makes the process so, and silent is the
process of which no instance reports. One that has never reported is not missed. The system manager reports on behalf of
the quote services and not of itself; its sign of life is its heartbeat. While it is silent nobody knows of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.notifier.alert import Ending, Level, Notice
from quote_core.events import ServiceHealth
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["HealthWatch"]

MANAGER: Final = "system_manager"
REPORTED_BY_MANAGER: Final = frozenset({"local_quote", "external_quote", "aggregator"})
"""`pipeline.wire.QUOTE_SERVICES`, which is not loaded for their names."""
SERVICE_COUNT_MAX: Final = 256
"""Further processes are not watched."""
START_NS: Final = 60 * NS_PER_S
INSTANCE_COUNT_MAX: Final = 64
"""Of one name; of more the one heard longest ago is as new when it comes again."""


@dataclass(slots=True)
class _Watched:
    heard_mono_ns: int
    unwell_mono_ns: int
    unwell_since_mono_ns: int | None = None
    is_silent: bool = False
    is_settled: bool = False
    uptimes_ms: dict[str, int] = field(default_factory=dict)

    def begin_anew(self, now_mono_ns: int) -> None:
        """As if it had been heard, and unwell, just now; one that has time until later keeps it."""
        self.heard_mono_ns = self.unwell_mono_ns = max(self.heard_mono_ns, now_mono_ns)

    def has_started(self, report: ServiceHealth, since_ms: int) -> bool:
        """Whether a report is an instance's first, of one that began less than `since_ms` ago, or began anew."""
        before_ms = self.uptimes_ms.pop(report.instance, since_ms)
        self.uptimes_ms[report.instance] = report.uptime_ms
        if len(self.uptimes_ms) > INSTANCE_COUNT_MAX:
            del self.uptimes_ms[next(iter(self.uptimes_ms))]
        return report.uptime_ms < before_ms


class HealthWatch:
    """What is known of each process's reports.

    Args:
        silence_ns: Without a report for so long a process is silent.
        unwell_ns: Unwell for so long, it is told.
        settle_ns: Well for so long, it is well again.
        known: Processes that have reported before; they are missed if they do not.
        now_mono_ns: Now.
    """

    def __init__(
        self, *, silence_ns: int, unwell_ns: int, settle_ns: int, known: Iterable[str], now_mono_ns: int
    ) -> None:
        self._silence_ns = silence_ns
        self._unwell_ns = unwell_ns
        self._settle_ns = settle_ns
        self._began_mono_ns = now_mono_ns
        self._watched = {name: _Watched(now_mono_ns + START_NS, now_mono_ns + START_NS) for name in known}

    @property
    def known(self) -> Sequence[str]:
        """Processes whose silence would be told."""
        return sorted(name for name, one in self._watched.items() if not one.is_silent)

    def begin_anew(self, now_mono_ns: int) -> None:
        """Nothing could be heard until now, so nobody was silent, and nobody has been well for long."""
        for one in self._watched.values():
            one.begin_anew(now_mono_ns)

    def hear(self, report: ServiceHealth, *, now_mono_ns: int, unix_ns: int) -> Iterator[Notice]:
        """A report came."""
        name = report.service
        is_known = name in self._watched
        one = self._heard(name, now_mono_ns)
        if one is None:
            return
        # Of a quote service that does not answer nobody knows for how long it has run.
        since_ms = (now_mono_ns - self._began_mono_ns) // NS_PER_MS
        if report.serving and one.has_started(report, since_ms) and is_known:
            said = f"It is {report.instance}." if report.instance else ""
            yield Notice(
                key=f"start:{name}", level=Level.INFO, title=f"{name} has started", text=said, at_unix_ns=unix_ns
            )
        if report.serving and not report.detail:
            return
        one.unwell_mono_ns, one.is_settled = now_mono_ns, False
        if one.unwell_since_mono_ns is None:
            one.unwell_since_mono_ns = now_mono_ns
        if now_mono_ns - one.unwell_since_mono_ns < self._unwell_ns:
            return
        yield _notice(
            name,
            Level.WARNING,
            "reports a trouble" if report.serving else "does not serve",
            report.detail,
            unix_ns,
        )

    def hear_manager(self, now_mono_ns: int) -> None:
        """The system manager's heartbeat came."""
        before = self._watched.get(MANAGER)
        if before is not None and now_mono_ns - before.heard_mono_ns >= self._silence_ns // 2:
            for name in REPORTED_BY_MANAGER & self._watched.keys():
                self._watched[name].begin_anew(now_mono_ns)
        self._heard(MANAGER, now_mono_ns)

    def look(self, *, now_mono_ns: int, unix_ns: int) -> Iterator[Notice | Ending]:
        """Time has passed; call about once a second."""
        manager = self._watched.get(MANAGER)
        for name, one in self._watched.items():
            until_mono_ns = now_mono_ns
            if name in REPORTED_BY_MANAGER and manager is not None:
                until_mono_ns = manager.heard_mono_ns
            silent_ns = until_mono_ns - one.heard_mono_ns
            if one.is_silent:
                continue
            if silent_ns >= self._silence_ns:
                one.is_silent, one.is_settled = True, False
                said = f"It has reported nothing for {silent_ns / NS_PER_S:.0f} s."
                yield _notice(name, Level.CRITICAL, "is silent", said, unix_ns)
            elif not one.is_settled and one.heard_mono_ns - one.unwell_mono_ns >= self._settle_ns:
                one.is_settled, one.unwell_since_mono_ns = True, None
                yield Ending(key=_key(name), text=f"{name} is well again.", at_unix_ns=unix_ns)

    def _heard(self, name: str, now_mono_ns: int) -> _Watched | None:
        """What is known of a process that was just heard; None when it is not watched."""
        if name not in self._watched and len(self._watched) >= SERVICE_COUNT_MAX:
            return None
        one = self._watched.setdefault(name, _Watched(now_mono_ns, now_mono_ns))
        one.heard_mono_ns = now_mono_ns
        if one.is_silent:
            one.is_silent, one.unwell_mono_ns = False, now_mono_ns
        one.unwell_mono_ns = min(one.unwell_mono_ns, now_mono_ns)
        return one


def _notice(name: str, level: Level, what: str, text: str, unix_ns: int) -> Notice:
    return Notice(
        key=_key(name),
        level=level,
        title=f"{name} {what}",
        text=text,
        at_unix_ns=unix_ns,
        variant=what,
        is_lasting=True,
    )


def _key(name: str) -> str:
    return f"process:{name}"
