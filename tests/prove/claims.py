"""What the protocol claims, each over every outcome the memory model allows.

A claim builds a writer's history, lets a reader loose on it, and returns the first outcome that breaks it, or None.
With the whole protocol none may; with a needed rule left out one must turn up.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prove.memory_model import Crash, Memory, Reader, Writer, outcomes
from prove.protocol_model import (
    ENTRIES,
    PAYLOAD_WORDS,
    Copy,
    Follower,
    Rules,
    poll,
    publish,
    publish_batch,
    read_entry,
    read_set,
    read_slot,
    recover,
    scan,
    top_of,
    write_entry,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a claim fared: the first outcome that breaks it, and how many were looked at."""

    broken_by: str | None
    outcome_count: int


Program = Callable[[Reader], str | None]


def judge(runs: Iterator[tuple[Memory, Program]]) -> Verdict:
    """Look at every outcome of every run until one breaks the claim."""
    count = 0
    for memory, program in runs:
        for broken_by in outcomes(memory, program):
            count += 1
            if broken_by is not None:
                return Verdict(broken_by, count)
    return Verdict(None, count)


def torn(memory: Memory, entry: int, copy: Copy) -> str | None:
    """An accepted copy is exactly the write its version stands for."""
    expected = memory.contents.get((entry, copy.version), (0,) * PAYLOAD_WORDS)
    return None if copy.words == expected else f"torn: version {copy.version} came with {copy.words}"


def entry_is_never_torn(has: Rules) -> Verdict:
    """Two writes, one reader: what is accepted is one of them, whole."""
    memory = Memory()
    writer = Writer(memory)
    for write in (1, 2):
        write_entry(writer, has, 0, write)

    def program(reader: Reader) -> str | None:
        copy = read_entry(reader, has, 0)
        return None if copy is None else torn(memory, 0, copy)

    return judge(iter([(memory, program)]))


# Entry of each publish: the ring wraps, and both entries are announced in slots the other used; and one in which the
# first entry is never written again, so that only a reader which keeps what it took can tell of it.
ORDERS = ((0, 1, 1, 0), (0, 1, 1, 1))
ORDER = ORDERS[0]


def published(order: tuple[int, ...] = ORDER) -> list[tuple[int, int]]:
    """Entry and version of each sequence of `order`."""
    versions = [0] * ENTRIES
    log = []
    for entry in order:
        versions[entry] += 2
        log.append((entry, versions[entry]))
    return log


def missed(follower: Follower, order: tuple[int, ...] = ORDER) -> str | None:
    """No announcement is passed over, invented, or of another entry: judged by what the caller was told."""
    log = published(order)
    for sequence, entry, version in follower.accepted:
        if log[sequence] != (entry, version):
            return f"announcement {sequence} read as entry {entry} at version {version}"
    for entry, version in log[: follower.cursor]:
        if follower.told[entry] < version:
            return f"cursor {follower.cursor} passed entry {entry} at {version}, told {follower.told[entry]}"
    return None


def nothing_is_missed(has: Rules) -> Verdict:
    """A reader at the start of the stream polls once, whenever it likes, lapped before, in the middle, or not."""
    return judge(polled(has, order) for order in ORDERS)


def polled(has: Rules, order: tuple[int, ...]) -> tuple[Memory, Program]:
    """One history, and a reader that polls it once."""
    memory = Memory()
    writer = Writer(memory)
    for write, entry in enumerate(order, start=1):
        publish(writer, has, entry, write)

    def program(reader: Reader) -> str | None:
        follower = Follower()
        poll(reader, has, follower)
        broken_by = missed(follower, order)
        if broken_by is None:
            for entry, version in enumerate(follower.told):
                newest = reader.load(f"version{entry}", acquire=True)
                if newest < version:
                    return f"entry {entry} told at {version} is still at {newest}"
        return broken_by

    return memory, program


def slot_can_be_spun_on(has: Rules) -> Verdict:
    """A reader that waits on the next slot, not on head, gets the announcement and finds the entry at least as new."""
    memory = Memory()
    writer = Writer(memory)
    for write, entry in enumerate(ORDER, start=1):
        publish(writer, has, entry, write)
    log = published()

    def program(reader: Reader) -> str | None:
        announced = read_slot(reader, has, 0)
        if announced is None:
            return None
        if announced != log[0]:
            return f"announcement 0 read as {announced}"
        newest = reader.load(f"version{announced[0]}", acquire=True)
        return None if newest >= announced[1] else f"entry announced at {announced[1]} is still at {newest}"

    return judge(iter([(memory, program)]))


def sets_are_of_one_moment(has: Rules) -> Verdict:
    """Singles, then a batch: two entries read together are a prefix of the publish order, the batch whole or absent."""
    memory = Memory()
    writer = Writer(memory)
    moments = [(0, 0)]
    for entry in (0, 1):
        publish(writer, has, entry, 1)
        moments.append((writer.own("version0"), writer.own("version1")))
    publish_batch(writer, has, 2)
    moments.append((writer.own("version0"), writer.own("version1")))

    def program(reader: Reader) -> str | None:
        copies = read_set(reader, has)
        if copies is None:
            return None
        versions = (copies[0].version, copies[1].version)
        return None if versions in moments else f"versions {versions} were never there together"

    return judge(iter([(memory, program)]))


def scan_sees_what_head_announced(has: Rules) -> Verdict:
    """A reader that takes head and then scans, without the ring, finds every announced entry at least as new."""
    memory = Memory()
    writer = Writer(memory)
    for write, entry in enumerate(ORDER, start=1):
        publish(writer, has, entry, write)

    def program(reader: Reader) -> str | None:
        follower = Follower()
        follower.tell(scan(reader, has, follower, {}))
        return missed(follower)

    return judge(iter([(memory, program)]))


def crash_is_recovered(has: Rules) -> Verdict:
    """A writer is killed before each store of two singles and a batch, and its successor before each store of recovery.

    In the end no entry is odd, no copy is torn, and whatever a reader's cursor was, it is lapped, scans, and ends with
    what is there.
    """
    return judge(crashes(has))


def crashes(has: Rules) -> Iterator[tuple[Memory, Program]]:
    """Two runs for each pair of places where the first and the second life die."""
    first_dies_at = 0
    while True:
        second_dies_at = 0
        while True:
            memory = Memory()
            finished = survives(Writer(memory, first_dies_at), has, live)
            top = top_of(Writer(memory))
            recovered = survives(heir(memory, second_dies_at), has, recover)
            if not recovered:
                recover(heir(memory), has)
            for entry in range(ENTRIES):
                yield memory, any_reader(memory, has, entry)
            yield memory, old_cursors(memory, has, top)
            if recovered:
                break
            second_dies_at += 1
        if finished:
            return
        first_dies_at += 1


def heir(memory: Memory, stores_left: int = 1_000_000) -> Writer:
    """The next life: the lock hands over everything the dead writer stored."""
    newest = {location: len(messages) - 1 for location, messages in memory.messages.items()}
    return Writer(memory, stores_left, newest, dict(newest))


def live(writer: Writer, has: Rules) -> None:
    """What the first life does until it is killed."""
    publish(writer, has, 0, 1)
    publish_batch(writer, has, 2)
    publish(writer, has, 1, 3)


def survives(writer: Writer, has: Rules, doing: Callable[[Writer, Rules], None]) -> bool:
    """Whether the writer came to the end of what it does."""
    try:
        doing(writer, has)
    except Crash:
        return False
    return True


def any_reader(memory: Memory, has: Rules, entry: int) -> Program:
    """A reader at any moment before, between and after the lives: no torn copy."""

    def program(reader: Reader) -> str | None:
        copy = read_entry(reader, has, entry)
        return None if copy is None else torn(memory, entry, copy)

    return program


def old_cursors(memory: Memory, has: Rules, top: int) -> Program:
    """A reader with any cursor of the first life that has seen the last head: it ends with what is there."""
    newest = Writer(memory)
    final = tuple(newest.own(f"version{entry}") for entry in range(ENTRIES))

    def program(reader: Reader) -> str | None:
        if any(version & 1 for version in final):
            return f"left odd: {final}"
        if reader.load("head", acquire=True) != newest.own("head"):
            return None
        for cursor in range(top + 1):
            follower = Follower(cursor)
            poll(reader, has, follower)
            if follower.told != final:
                return f"cursor {cursor} was told {follower.told}, not {final}"
        for entry in range(ENTRIES):
            copy = read_entry(reader, has, entry)
            if copy is None or copy.words != memory.contents.get((entry, final[entry]), (0,) * PAYLOAD_WORDS):
                return f"entry {entry} reads {copy} after recovery"
        return None

    return program


Claim = Callable[[Rules], Verdict]

CLAIMS: tuple[Claim, ...] = (
    entry_is_never_torn,
    nothing_is_missed,
    slot_can_be_spun_on,
    scan_sees_what_head_announced,
    sets_are_of_one_moment,
    crash_is_recovered,
)
