"""The protocol restated for the memory model, each ordering and step by name so that it can be left out.

Smaller than life where size does not matter: two payload words, two entries, a ring of two slots. What must
hold of them is in `claims.py`.
"""

from dataclasses import dataclass
from enum import Enum, auto

from prove.memory_model import Reader, Writer

PAYLOAD_WORDS = 2
ENTRIES = 2
RING_SLOTS = 2
READ_TRIES = 2
LAP = RING_SLOTS + 1


class Rule(Enum):
    """What each side does besides plain loads and stores: orderings, and a few steps."""

    FENCE_AFTER_ODD = auto()
    RELEASE_EVEN = auto()
    ACQUIRE_VERSION = auto()
    FENCE_BEFORE_CHECK = auto()
    SLOT_FENCE_AFTER_ODD = auto()
    SLOT_RELEASE_EVEN = auto()
    SLOT_ACQUIRE_SEQ = auto()
    SLOT_FENCE_BEFORE_CHECK = auto()
    RELEASE_HEAD = auto()
    ACQUIRE_HEAD = auto()
    CURSOR_BEFORE_SCAN = auto()
    SCAN_ADDS = auto()
    STORE_INTENT = auto()
    FENCE_AFTER_INTENT = auto()
    CHECK_HEAD_AGAIN = auto()
    FENCE_AFTER_SET = auto()
    EMPTY_ODD_ENTRY = auto()
    LAP_AT_RECOVERY = auto()
    # Two popular shortcuts, correct on x86 only; off in the protocol.
    SHORTCUT_RELEASE_ODD = auto()
    SHORTCUT_ACQUIRE_CHECK = auto()


PROTOCOL = frozenset(Rule) - {Rule.SHORTCUT_RELEASE_ODD, Rule.SHORTCUT_ACQUIRE_CHECK}
Rules = frozenset[Rule]


# ---- writer --------------------------------------------------------------------------------------------------------


def write_entry(writer: Writer, has: Rules, entry: int, write: int) -> None:
    """Odd, fence, payload, even."""
    version = writer.own(f"version{entry}")
    writer.store(f"version{entry}", version | 1, release=Rule.SHORTCUT_RELEASE_ODD in has)
    if Rule.FENCE_AFTER_ODD in has:
        writer.fence()
    words = tuple(10 * write + word for word in range(PAYLOAD_WORDS))
    for word, value in enumerate(words):
        writer.store(f"payload{entry}.{word}", value)
    writer.memory.contents[entry, (version | 1) + 1] = words
    writer.store(f"version{entry}", (version | 1) + 1, release=Rule.RELEASE_EVEN in has)


def write_slot(writer: Writer, has: Rules, sequence: int, entry: int) -> None:
    """The announcement: which entry, at which version."""
    slot = sequence % RING_SLOTS
    writer.store(f"seq{slot}", 2 * sequence + 1)
    if Rule.SLOT_FENCE_AFTER_ODD in has:
        writer.fence()
    writer.store(f"index{slot}", entry)
    writer.store(f"announced{slot}", writer.own(f"version{entry}"))
    writer.store(f"seq{slot}", 2 * sequence + 2, release=Rule.SLOT_RELEASE_EVEN in has)


def publish(writer: Writer, has: Rules, entry: int, write: int) -> None:
    """Entry, slot, head."""
    head = writer.own("head")
    write_entry(writer, has, entry, write)
    write_slot(writer, has, head, entry)
    writer.store("head", head + 1, release=Rule.RELEASE_HEAD in has)


def publish_batch(writer: Writer, has: Rules, write: int) -> None:
    """Every entry under one head store."""
    head = writer.own("head")
    if Rule.STORE_INTENT in has:
        writer.store("intent", head + ENTRIES)
    if Rule.FENCE_AFTER_INTENT in has:
        writer.fence()
    for entry in range(ENTRIES):
        write_entry(writer, has, entry, write)
        write_slot(writer, has, head + entry, entry)
    writer.store("head", head + ENTRIES, release=Rule.RELEASE_HEAD in has)


def top_of(writer: Writer) -> int:
    """First sequence no announcement of a former life can have used, and the highest cursor a reader can have."""
    top = max(writer.own("head"), writer.own("intent"))
    return top + 1 if writer.own(f"seq{top % RING_SLOTS}") == 2 * top + 2 else top


def recover(writer: Writer, has: Rules) -> None:
    """What the next life does first: odd entries zeroed, every cursor lapped."""
    for entry in range(ENTRIES):
        if writer.own(f"version{entry}") & 1:
            version = writer.own(f"version{entry}")
            writer.store(f"version{entry}", version)
            writer.fence()
            for word in range(PAYLOAD_WORDS if Rule.EMPTY_ODD_ENTRY in has else 0):
                writer.store(f"payload{entry}.{word}", 0)
            writer.memory.contents[entry, version + 1] = (0,) * PAYLOAD_WORDS
            writer.store(f"version{entry}", version + 1, release=True)
    top = top_of(writer)
    head = top + LAP if Rule.LAP_AT_RECOVERY in has else top
    writer.store("intent", head)
    writer.store("head", head, release=Rule.RELEASE_HEAD in has)


# ---- reader --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Copy:
    """An accepted copy of an entry."""

    version: int
    words: tuple[int, ...]


def read_entry(reader: Reader, has: Rules, entry: int, *, tries: int = READ_TRIES) -> Copy | None:
    """Copy between two equal even versions; None is BUSY."""
    for _ in range(tries):
        version = reader.load(f"version{entry}", acquire=Rule.ACQUIRE_VERSION in has)
        if version & 1:
            continue
        words = tuple(reader.load(f"payload{entry}.{word}") for word in range(PAYLOAD_WORDS))
        if Rule.FENCE_BEFORE_CHECK in has:
            reader.fence()
        if reader.load(f"version{entry}", acquire=Rule.SHORTCUT_ACQUIRE_CHECK in has) == version:
            return Copy(version, words)
    return None


def read_slot(reader: Reader, has: Rules, sequence: int) -> tuple[int, int] | None:
    """Entry and version announced as `sequence`; None once it is overwritten."""
    slot = sequence % RING_SLOTS
    if reader.load(f"seq{slot}", acquire=Rule.SLOT_ACQUIRE_SEQ in has) != 2 * sequence + 2:
        return None
    announced = reader.load(f"index{slot}"), reader.load(f"announced{slot}")
    if Rule.SLOT_FENCE_BEFORE_CHECK in has:
        reader.fence()
    return announced if reader.load(f"seq{slot}") == 2 * sequence + 2 else None


@dataclass(slots=True)
class Follower:
    """A reader's place in the stream of changes, what it took from the ring, and what its caller was told."""

    cursor: int = 0
    seen: tuple[int, ...] = (0,) * ENTRIES
    told: tuple[int, ...] = (0,) * ENTRIES
    """Newest version of each entry whose change a poll has returned: all that the caller can act on."""
    accepted: tuple[tuple[int, int, int], ...] = ()
    """Sequence, entry and version of each announcement accepted."""

    def see(self, entry: int, version: int) -> None:
        """Note a version, so that it is not told again."""
        self.seen = (*self.seen[:entry], max(self.seen[entry], version), *self.seen[entry + 1 :])

    def tell(self, changes: dict[int, int]) -> None:
        """Return from a poll."""
        self.told = tuple(max(told, changes.get(entry, 0)) for entry, told in enumerate(self.told))


def scan(reader: Reader, has: Rules, follower: Follower, collected: dict[int, int]) -> dict[int, int]:
    """Cursor first, then every version; adds to what the poll has collected."""
    changes = collected if Rule.SCAN_ADDS in has else {}
    if Rule.CURSOR_BEFORE_SCAN in has:
        follower.cursor = reader.load("head", acquire=Rule.ACQUIRE_HEAD in has)
    for entry in range(ENTRIES):
        version = reader.load(f"version{entry}", acquire=True)
        if version != follower.seen[entry]:
            follower.see(entry, version)
            changes[entry] = version
    if Rule.CURSOR_BEFORE_SCAN not in has:
        follower.cursor = reader.load("head", acquire=Rule.ACQUIRE_HEAD in has)
    return changes


def poll(reader: Reader, has: Rules, follower: Follower) -> None:
    """Follow the ring, or scan when lapped; the caller is told at the end."""
    follower.tell(changes_of(reader, has, follower))


def changes_of(reader: Reader, has: Rules, follower: Follower) -> dict[int, int]:
    """What one poll returns: entries, each with the version known by then."""
    changes: dict[int, int] = {}
    head = reader.load("head", acquire=Rule.ACQUIRE_HEAD in has)
    if head - follower.cursor > RING_SLOTS:
        return scan(reader, has, follower, changes)
    for sequence in range(follower.cursor, head):
        announced = read_slot(reader, has, sequence)
        if announced is None:
            return scan(reader, has, follower, changes)
        entry, version = announced
        follower.accepted += ((sequence, entry, version),)
        if version > follower.seen[entry]:
            follower.see(entry, version)
            changes[entry] = version
    follower.cursor = max(head, follower.cursor)
    return changes


def read_set(reader: Reader, has: Rules) -> tuple[Copy, ...] | None:
    """All entries of one moment; None is "try again"."""
    head = reader.load("head", acquire=Rule.ACQUIRE_HEAD in has)
    copies = [read_entry(reader, has, entry, tries=1) for entry in range(ENTRIES)]
    if Rule.FENCE_AFTER_SET in has:
        reader.fence()
    intent = reader.load("intent")
    if Rule.CHECK_HEAD_AGAIN in has and reader.load("head") != head:
        return None
    if intent > head or None in copies:
        return None
    return tuple(copy for copy in copies if copy is not None)
