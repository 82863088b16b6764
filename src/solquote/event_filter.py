"""Which events a command is asked for, as subjects of the bus; the same options filter streams and the journal."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from quote_core.errors import InvalidField
from quote_core.events.subjects import EVENT_KINDS, EventKind, Stream, covers
from quote_core.tokens import TokenRegistry

__all__ = ["EventFilter", "make_filter"]

_PAIR: Final = re.compile(r"[A-Za-z0-9_$]{1,31}-[A-Za-z0-9_$]{1,31}")
_ANY: Final = re.compile(r"\{\w+\}")


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Subjects wanted of each stream; a stream that is not named is not wanted."""

    subjects: dict[Stream, tuple[str, ...]]
    types: tuple[str, ...] = ()
    """The classes asked for; empty = all."""
    pair: str | None = None
    """As subjects and events have it."""

    @property
    def streams(self) -> Sequence[Stream]:
        """Of which something is wanted."""
        return tuple(self.subjects)

    def admits(self, stream: str, subject: str) -> bool:
        """Whether a message of the journal is wanted; its stream may be one that this build does not know."""
        return any(name == stream and any(covers(one, subject) for one in of) for name, of in self.subjects.items())


def make_filter(
    streams: Iterable[str] | None, types: Iterable[str] | None, pair: str | None, *, registry: TokenRegistry
) -> EventFilter:
    """What the options ask for; none of them asks for everything.

    Raises:
        InvalidField: One is not known, or together they name nothing there could be.
    """
    names = [_one_of(name, {one.value: one for one in Stream}, "--stream") for name in streams or ()]
    kinds = [_one_of(name, {kind.event.__name__: kind for kind in EVENT_KINDS}, "--type") for name in types or ()]
    if not kinds and pair is None:
        return EventFilter({stream: (stream.subjects,) for stream in names or Stream})
    wanted: dict[Stream, tuple[str, ...]] = {}
    pair_token = None if pair is None else _pair_token(pair, registry)
    for kind in kinds or EVENT_KINDS:
        subject = _subject(kind, pair_token)
        if subject is not None and (not names or kind.stream in names):
            wanted[kind.stream] = (*wanted.get(kind.stream, ()), subject)
    if not wanted:
        raise InvalidField("--stream, --type, --pair", "no event fits all of these")
    return EventFilter(wanted, tuple(kind.event.__name__ for kind in kinds), pair_token)


def _subject(kind: EventKind, pair_token: str | None) -> str | None:
    """The kind's subjects, of one pair if asked; `None` when it has no pair."""
    if pair_token is None:
        return _ANY.sub("*", kind.subject)
    return _ANY.sub("*", kind.subject.replace("{pair}", pair_token)) if "{pair}" in kind.subject else None


def _pair_token(pair: str, registry: TokenRegistry) -> str:
    """A pair's part of a subject: as the registry writes it, whatever the case; one it does not have as it is given."""
    given = pair.replace("/", "-")
    if not _PAIR.fullmatch(given):
        raise InvalidField("--pair", f"must be two symbols such as SOL-USDC, got {pair!r}")
    known = {f"{one.base.symbol}-{one.quote.symbol}" for one in registry.pairs}
    return next((name for name in known if name.casefold() == given.casefold()), given)


_Kind = TypeVar("_Kind")


def _one_of(name: str, known: dict[str, _Kind], option: str) -> _Kind:
    folded = {_folded(each): each for each in known}
    if _folded(name) in folded:
        return known[folded[_folded(name)]]
    near = difflib.get_close_matches(_folded(name), folded, n=1)
    hint = f"did you mean {folded[near[0]]}?" if near else f"there are {', '.join(known)}"
    raise InvalidField(option, f"{name} is not known; {hint}")


def _folded(name: str) -> str:
    return name.replace("-", "").replace("_", "").casefold()
