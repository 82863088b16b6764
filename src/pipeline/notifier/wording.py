"""How alerts are put into words, by templates that an operator may replace. Pure.

| field     | in a title             | in an alert                                                      |
|-----------|------------------------|------------------------------------------------------------------|
| `$name`   | the platform           | the platform                                                     |
| `$level`  | the highest            | critical, warning or info                                        |
| `$title`  | of the gravest alert   | one line                                                         |
| `$more`   | ` and 2 more`, or ``   |                                                                  |
| `$state`  |                        | open, escalated, acknowledged or over                            |
| `$number` |                        | for `solquote alerts ack`                                        |
| `$text`   |                        | what more there is to say; may be empty                          |
| `$count`  |                        | how often it was seen: `once`, or `3 times`                      |
| `$since`  |                        | when it was first seen, UTC                                      |
| `$note`   |                        | who acknowledged it, or how often it was told; may be empty      |

Control characters are taken out of the words as a whole, and each destination escapes what its own markup means. Where
a template leaves nothing to be said, it is the title: no destination takes an empty message.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from string import Template
from typing import Final

from pipeline.notifier.alert import Alert, State

__all__ = ["ALERT_FIELDS", "TITLE_FIELDS", "Message", "Wording", "check_template", "shortened"]

TITLE_FIELDS: Final = frozenset({"name", "level", "title", "more"})
ALERT_FIELDS: Final = frozenset({"name", "level", "title", "state", "number", "text", "count", "since", "note"})
_TITLE: Final = "[$level] $title$more ($name)"
_ALERT: Final = "#$number $level, $state: $title\n$text\nSince $since, seen $count. $note"
_SPACES: Final = re.compile(r"[^\S\n]+")


@dataclass(frozen=True, slots=True)
class Message:
    """What a destination is told at once.

    Attributes:
        name: Of the platform.
        title: One line.
        parts: The words for each alert, the gravest first.
        alerts: The same, as values.
        unsaid_count: Further alerts, for which there was no room.
    """

    name: str
    title: str
    parts: Sequence[str]
    alerts: Sequence[Alert]
    unsaid_count: int = 0

    def text(self, char_count_max: int, *, separator: str = "\n\n") -> str:
        """All parts as one text of at most so many UTF-16 code units, as chats count; it says what is missing."""
        hint = f"{separator}... see `solquote alerts list`"
        whole = separator.join(self.parts)
        if self.unsaid_count:
            whole += f"{separator}... and {self.unsaid_count} more: `solquote alerts list`"
        if units(whole) <= char_count_max:
            return whole
        return shortened(whole, char_count_max - units(hint)) + hint


@dataclass(frozen=True, slots=True)
class Wording:
    """The templates of a platform.

    Raises:
        ValueError: One is malformed, or has a field that is none.
    """

    name: str
    title_template: str = ""
    alert_template: str = ""

    def __post_init__(self) -> None:
        for template, fields in ((self.title_template, TITLE_FIELDS), (self.alert_template, ALERT_FIELDS)):
            check_template(template, fields)

    def message(self, alerts: Sequence[Alert], *, unsaid_count: int = 0) -> Message:
        """What is said of these, the gravest first; at least one."""
        first = alerts[0]
        more_count = len(alerts) - 1 + unsaid_count
        title = Template(self.title_template or _TITLE).substitute(
            name=self.name,
            level=first.worst.name.lower(),
            title=first.title if first.state is not State.ENDED else f"over: {first.title}",
            more=f" and {more_count} more" if more_count else "",
        )
        return Message(
            name=self.name,
            title=plain(title).replace("\n", " ") or first.title,
            parts=tuple(map(self._part, alerts)),
            alerts=tuple(alerts),
            unsaid_count=unsaid_count,
        )

    def _part(self, alert: Alert) -> str:
        said = Template(self.alert_template or _ALERT).substitute(
            name=self.name,
            level=alert.level.name.lower(),
            title=alert.title,
            state=alert.state.value,
            number=alert.number,
            text=alert.text,
            count="once" if alert.count == 1 else f"{alert.count:,} times",
            since=_utc(alert.first_unix_ns),
            note=_note(alert),
        )
        return "\n".join(filter(None, (line.strip() for line in plain(said).split("\n")))) or alert.title


def check_template(template: str, fields: frozenset[str]) -> None:
    """See whether a template can be filled in.

    Raises:
        ValueError: It cannot.
    """
    parsed = Template(template)
    if not parsed.is_valid():
        raise ValueError("has a $ that begins no field; a dollar sign is $$")
    unknown = sorted(set(parsed.get_identifiers()) - fields)
    if unknown:
        raise ValueError(f"has no field ${unknown[0]}; there are ${', $'.join(sorted(fields))}")


def plain(text: str) -> str:
    """Text without control, format and surrogate characters, which could hide or turn round what is read."""
    kept = "".join(one for one in text if one == "\n" or unicodedata.category(one)[0] != "C" or one == "\t")
    return _SPACES.sub(" ", kept).strip()


def units(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text) + sum(one > "\uffff" for one in text)


def shortened(text: str, unit_count_max: int) -> str:
    """`text`, or as much of it as fits with an ellipsis at its end, in UTF-16 code units."""
    if units(text) <= unit_count_max:
        return text
    room, kept = unit_count_max - 1, 0
    for one in text:
        room -= 1 + (one > "\uffff")
        if room < 0:
            break
        kept += 1
    return text[:kept] + "…"


def _note(alert: Alert) -> str:
    if alert.acknowledged_by:
        return f"Acknowledged by {alert.acknowledged_by}."
    if alert.state is State.ESCALATED:
        return f"Nobody has acknowledged it; told again, time {alert.escalation_count}."
    return ""


def _utc(unix_ns: int) -> str:
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=unix_ns // 1_000)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
