"""The alerts there are, and what is to be told of them now. Pure: times come in as arguments.

| what comes                             | then                                                                       |
|----------------------------------------|----------------------------------------------------------------------------|
| a notice of a key that has no alert    | an alert, to be told                                                       |
| another variant, or a higher level     | told anew; an acknowledgement of what it was before counts no more         |
| the same again                         | counted, and told again after `repeat_after_ns`, unless it is what lasts    |
| an ending                              | told; the next notice of that key is another alert                         |
| an acknowledgement                     | told, nothing escalates; what does not last is over with it                |
| info that does not last                | over after `repeat_after_ns` without another, and nobody is told so         |
| critical, and nobody acknowledges it   | told again each `escalate_after_ns`, `escalation_count_max` times           |
| no news, for a day after its end       | forgotten                                                                  |
| a week without a notice                | forgotten, heard by everybody or not                                       |
| more than `ALERT_COUNT_MAX`            | the ones that are over go first, then the least grave, the oldest first    |

What is to be told to a destination goes out together: at once when something critical is among it, otherwise
`group_wait_ns` after the first of it. In quiet hours only what is or was critical goes out; the rest waits for their
end.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.notifier.alert import Alert, Ending, Level, Notice

__all__ = ["ALERT_COUNT_MAX", "AlertBook", "BookRules"]

ALERT_COUNT_MAX: Final = 500
_HOUR_NS: Final = 3_600_000_000_000
ENDED_KEEP_NS: Final = 24 * _HOUR_NS
SILENT_KEEP_NS: Final = 7 * 24 * _HOUR_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRules:
    """What the table above leaves open; durations in nanoseconds.

    Attributes:
        thresholds: From which level on each destination wants to hear.
        group_wait_ns: How long what is not critical waits for more.
        repeat_after_ns: How long the same again is only counted.
        escalate_after_ns: How long a critical alert may be left unacknowledged.
        escalation_count_max: How often it is told again.
    """

    thresholds: Mapping[str, Level]
    group_wait_ns: int
    repeat_after_ns: int
    escalate_after_ns: int
    escalation_count_max: int


class AlertBook:
    """All alerts.

    Args:
        rules: How they are told.
        alerts: Those of before.
        next_number: Of the next new one.
    """

    def __init__(self, rules: BookRules, *, alerts: Iterable[Alert] = (), next_number: int = 1) -> None:
        self._rules = rules
        self._alerts = {alert.number: alert for alert in alerts}
        self.next_number = next_number
        self.dropped_count = 0
        """Alerts forgotten before everybody was told."""

    @property
    def alerts(self) -> Sequence[Alert]:
        """All of them, oldest first."""
        return tuple(self._alerts.values())

    def open_on(self, key: str) -> Alert | None:
        """The alert of a key that is not over."""
        return next((one for one in self._alerts.values() if one.key == key and not one.ended_unix_ns), None)

    def take(self, notice: Notice, *, now_unix_ns: int) -> None:
        """Something was seen."""
        alert = self.open_on(notice.key)
        if alert is None:
            self._put(
                Alert(
                    number=self.next_number,
                    key=notice.key,
                    level=notice.level,
                    worst=notice.level,
                    title=notice.title,
                    text=notice.text,
                    variant=notice.variant,
                    is_lasting=notice.is_lasting,
                    first_unix_ns=notice.at_unix_ns,
                    last_unix_ns=notice.at_unix_ns,
                    news_unix_ns=now_unix_ns,
                )
            )
            self.next_number += 1
            self._keep_within_bounds()
            return
        is_other = notice.variant != alert.variant or notice.level > alert.level
        is_due_again = not alert.is_lasting and now_unix_ns - alert.news_unix_ns >= self._rules.repeat_after_ns
        self._put(
            replace(
                alert,
                level=notice.level,
                worst=max(alert.worst, notice.level),
                title=notice.title,
                text=notice.text,
                variant=notice.variant,
                is_lasting=notice.is_lasting,
                last_unix_ns=max(alert.last_unix_ns, notice.at_unix_ns),
                # What lasts says each second that it does.
                count=alert.count + (is_other or not notice.is_lasting),
            )
        )
        if is_other:
            self._put(replace(self._alerts[alert.number], acknowledged_by="", escalation_count=0))
        if is_other or is_due_again:
            self._note_news(alert.number, now_unix_ns)

    def end(self, ending: Ending, *, now_unix_ns: int) -> bool:
        """Something is over; False when there was no alert of it."""
        alert = self.open_on(ending.key)
        if alert is None:
            return False
        self._put(replace(alert, text=ending.text, ended_unix_ns=max(ending.at_unix_ns, 1)))
        self._note_news(alert.number, now_unix_ns)
        return True

    def acknowledge(self, number: int, *, by: str, now_unix_ns: int) -> bool:
        """Somebody sees to it; False when there is no such alert, or somebody does already, or it is over."""
        alert = self._alerts.get(number)
        if alert is None or alert.ended_unix_ns or alert.acknowledged_by:
            return False
        self._put(
            replace(alert, acknowledged_by=by or "somebody", ended_unix_ns=0 if alert.is_lasting else now_unix_ns)
        )
        self._note_news(number, now_unix_ns)
        return True

    def look(self, *, now_unix_ns: int) -> bool:
        """Escalate and forget what is due; whether anything was."""
        was = dict(self._alerts)
        for alert in was.values():
            if self._escalates(alert, now_unix_ns):
                self._put(replace(alert, escalation_count=alert.escalation_count + 1))
                self._note_news(alert.number, now_unix_ns)
            elif self._fades(alert, now_unix_ns):
                self._put(replace(alert, ended_unix_ns=now_unix_ns))
            elif alert.ended_unix_ns and now_unix_ns - alert.ended_unix_ns >= ENDED_KEEP_NS and self._is_told(alert):
                del self._alerts[alert.number]
            elif now_unix_ns - max(alert.last_unix_ns, alert.news_unix_ns) >= SILENT_KEEP_NS:
                self._forget(alert)
        return self._alerts != was

    def due(self, destination: str, *, now_unix_ns: int, is_quiet: bool) -> Sequence[Alert]:
        """What a destination is to be told now, together: the gravest first."""
        threshold = self._rules.thresholds[destination]
        pending = [one for one in self._alerts.values() if one.has_news_for(destination, threshold)]
        critical = [one for one in pending if one.worst >= Level.CRITICAL]
        if is_quiet:
            pending = critical
        elif not critical:
            since_unix_ns = min((one.news_unix_ns for one in pending), default=now_unix_ns)
            if 0 <= now_unix_ns - since_unix_ns < self._rules.group_wait_ns:
                return ()
        return sorted(pending, key=lambda one: (-one.worst, one.news_unix_ns, one.number))

    def pending_count(self, destination: str) -> int:
        """How many alerts a destination has something to hear of, now or later."""
        threshold = self._rules.thresholds[destination]
        return sum(one.has_news_for(destination, threshold) for one in self._alerts.values())

    def note_told(self, destination: str, alerts: Iterable[Alert]) -> None:
        """A destination was told of these as they are here; what has come since is still to be told."""
        for told in alerts:
            alert = self._alerts.get(told.number)
            if alert is not None:
                self._put(replace(alert, told={**alert.told, destination: told.news}))

    def _put(self, alert: Alert) -> None:
        self._alerts[alert.number] = alert

    def _note_news(self, number: int, now_unix_ns: int) -> None:
        alert = self._alerts[number]
        self._put(replace(alert, news=alert.news + 1, news_unix_ns=now_unix_ns))

    def _escalates(self, alert: Alert, now_unix_ns: int) -> bool:
        return (
            alert.level >= Level.CRITICAL
            and not alert.acknowledged_by
            and not alert.ended_unix_ns
            and alert.escalation_count < self._rules.escalation_count_max
            and now_unix_ns - alert.news_unix_ns >= self._rules.escalate_after_ns
        )

    def _fades(self, alert: Alert, now_unix_ns: int) -> bool:
        return (
            alert.worst is Level.INFO
            and not alert.is_lasting
            and not alert.ended_unix_ns
            and now_unix_ns - max(alert.last_unix_ns, alert.news_unix_ns) >= self._rules.repeat_after_ns
        )

    def _is_told(self, alert: Alert) -> bool:
        return not any(alert.has_news_for(*one) for one in self._rules.thresholds.items())

    def _keep_within_bounds(self) -> None:
        while len(self._alerts) > ALERT_COUNT_MAX:
            self._forget(min(self._alerts.values(), key=lambda one: (not one.ended_unix_ns, one.worst, one.number)))

    def _forget(self, alert: Alert) -> None:
        self.dropped_count += not self._is_told(alert)
        del self._alerts[alert.number]
