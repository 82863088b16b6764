"""What people are told of, as values.

| value    | is                                                                                         |
|----------|--------------------------------------------------------------------------------------------|
| `Notice` | something was seen that somebody should know; `key` says of what, `variant` how it is now  |
| `Ending` | what `key` says is over                                                                    |
| `Alert`  | all notices of a key from the first to the ending, and who has been told how much of it    |

`Alert.news` numbers what there is to tell. A destination that was told a lower number has something to hear.

What a notice or an ending says may come from anybody who can publish: however it is made, it is one printable line of
no more than `TITLE_CHARS_MAX` or `TEXT_CHARS_MAX` characters.
"""

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from quote_core.events.text import fit_text

__all__ = ["Alert", "Ending", "Level", "Notice", "State"]

TITLE_CHARS_MAX: Final = 300
TEXT_CHARS_MAX: Final = 4_000


class Level(enum.IntEnum):
    """How grave an alert is, and from where on a destination wants to hear; only the latter is ever ESCALATED."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3
    ESCALATED = 4


class State(enum.Enum):
    """Where an alert stands, in the word that people read."""

    OPEN = "open"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    ENDED = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """See the module's table.

    Attributes:
        key: What it is about.
        level: How grave.
        title: One line.
        text: What more there is to say; may be empty.
        at_unix_ns: When.
        variant: The same again is counted, another one is told anew.
        is_lasting: Whether it stays so until an `Ending`; otherwise it is over once somebody acknowledges it.
    """

    key: str
    level: Level
    title: str
    text: str
    at_unix_ns: int
    variant: str = ""
    is_lasting: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", fit_text(self.title, TITLE_CHARS_MAX))
        object.__setattr__(self, "text", fit_text(self.text, TEXT_CHARS_MAX))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """See the module's table."""

    key: str
    text: str
    at_unix_ns: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", fit_text(self.text, TEXT_CHARS_MAX))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """See the module's table.

    Attributes:
        number: What people call it; never given twice in one data folder.
        key: Of its notices.
        level: Of the last notice.
        worst: The highest so far; destinations go by it, so that whoever heard the worst hears the end.
        title: Of the last notice.
        text: Of the last notice, or of the ending.
        variant: Of the last notice.
        is_lasting: Of the last notice.
        first_unix_ns: When the first notice was made.
        last_unix_ns: When the last one was.
        count: Notices so far.
        news: See the module.
        news_unix_ns: When there was something to tell last.
        escalation_count: How often it was told again because nobody acknowledged it.
        acknowledged_by: Who did; empty = nobody.
        ended_unix_ns: When it was over; 0 = it is not.
        told: The news told, by destination.
    """

    number: int
    key: str
    level: Level
    worst: Level
    title: str
    text: str
    variant: str
    is_lasting: bool
    first_unix_ns: int
    last_unix_ns: int
    count: int = 1
    news: int = 1
    news_unix_ns: int
    escalation_count: int = 0
    acknowledged_by: str = ""
    ended_unix_ns: int = 0
    told: Mapping[str, int] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.ended_unix_ns:
            return State.ENDED
        if self.acknowledged_by:
            return State.ACKNOWLEDGED
        return State.ESCALATED if self.escalation_count else State.OPEN

    @property
    def identity(self) -> str:
        """The same for every telling of this alert, also after a crash: its first notice says it."""
        return hashlib.blake2b(f"{self.key} {self.first_unix_ns}".encode(), digest_size=16).hexdigest()

    def has_news_for(self, destination: str, threshold: Level) -> bool:
        """Whether a destination has something to hear: from `threshold` on, and whoever heard once hears the rest."""
        level = Level.ESCALATED if self.escalation_count else self.worst
        return (level >= threshold or destination in self.told) and self.told.get(destination, 0) < self.news
