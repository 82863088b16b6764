"""What can be wrong with a quote table, each with a sentence on what to do. Stands alone: imports nothing of ours.

Being lapped on the ring is not an error: the reader scans, and counts it.
"""

from pathlib import Path

__all__ = [
    "BatchFull",
    "Busy",
    "DeadWriter",
    "DirectoryUnsafe",
    "ImpossibleCounts",
    "ImpossibleQuote",
    "ImpossibleState",
    "IndexOutOfRange",
    "InvalidMint",
    "NoQuote",
    "NotATable",
    "NotReadable",
    "NotThereYet",
    "NotWriting",
    "NumpyMissing",
    "OutdatedDraft",
    "Retired",
    "SecondWriter",
    "ShmError",
    "WrongCounts",
    "WrongFile",
    "WrongLayout",
    "WrongMagic",
    "WrongOwner",
    "WrongSize",
    "WrongVersion",
]


class ShmError(Exception):
    """Root of the tree; never raised itself."""


class NotThereYet(ShmError):
    """No writer has made the file yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} does not exist yet: start the aggregator, or check that reader and writer use the same directory"
        )
        self.path = path


class WrongFile(ShmError):
    """The file is not a table this build can read; the subclass says why."""


class WrongSize(WrongFile):
    """The file's size is not the table's."""

    def __init__(self, path: Path, size_bytes: int, expected_bytes: int) -> None:
        super().__init__(
            f"{path} has {size_bytes} bytes instead of {expected_bytes}: it was truncated or belongs to something "
            "else; restart the writer, which replaces it"
        )
        self.path = path
        self.size_bytes = size_bytes
        self.expected_bytes = expected_bytes


class WrongCounts(WrongFile):
    """The file says it has a number of entries or ring slots that no table has."""

    def __init__(self, path: Path, field: str, rule: str, value: int) -> None:
        super().__init__(
            f"{path} says it has {value} {field}, which {rule}: it was written over; "
            "restart the writer, which replaces it"
        )
        self.path = path
        self.field = field
        self.rule = rule
        self.value = value


class WrongMagic(WrongFile):
    """The file does not begin as a table does."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is not a quote table: check the path; restarting the writer replaces the file")
        self.path = path


class WrongVersion(WrongFile):
    """Another major version of the format."""

    def __init__(self, path: Path, abi_major: int, expected_major: int) -> None:
        super().__init__(
            f"{path} has format {abi_major}, this reader knows {expected_major}: install the same release on both sides"
        )
        self.path = path
        self.abi_major = abi_major
        self.expected_major = expected_major


class WrongLayout(WrongFile):
    """Same version, but built from other offsets."""

    def __init__(self, path: Path, layout_crc: int, expected_crc: int) -> None:
        super().__init__(
            f"{path} was written with layout {layout_crc:#010x}, this reader has {expected_crc:#010x}: "
            "install the same build on both sides"
        )
        self.path = path
        self.layout_crc = layout_crc
        self.expected_crc = expected_crc


class NotATable(WrongFile):
    """Something that is no regular file stands in the table's place."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be a quote table ({reason}): restarting the writer moves it aside")
        self.path = path
        self.reason = reason


class NotReadable(WrongFile):
    """This user may not read the file."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}; run the reader as the writer's user, or put it into the file's group")
        self.path = path
        self.reason = reason


class ImpossibleState(WrongFile):
    """The header says the writer is in a state there is none of."""

    def __init__(self, path: Path, state: int) -> None:
        super().__init__(f"{path} has state {state}, which no writer sets: verify the file, then restart the writer")
        self.path = path
        self.state = state


class WrongOwner(WrongFile):
    """Somebody else could have put the file there."""

    def __init__(self, path: Path, owner_uid: int, expected_uid: int) -> None:
        super().__init__(
            f"{path} belongs to user {owner_uid}, expected {expected_uid}: "
            "do not trust it; remove it and use a directory only the writer can write to"
        )
        self.path = path
        self.owner_uid = owner_uid
        self.expected_uid = expected_uid


class DirectoryUnsafe(ShmError):
    """The directory cannot hold a table."""

    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(f"{directory}: {reason}; choose a directory owned by the writer with mode 0750")
        self.directory = directory
        self.reason = reason


class SecondWriter(ShmError):
    """Another process holds the writer's lock."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} already has a living writer: stop it first, or use another directory")
        self.path = path


class NotWriting(ShmError):
    """The writer was closed, or another file has taken the place of its own."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"this writer of {path} is closed, or its file was replaced by another's: open it again")
        self.path = path


class DeadWriter(ShmError):
    """The writer is gone, hung or closed, so no quote is live."""

    def __init__(self, path: Path, liveness: str) -> None:
        super().__init__(f"the writer of {path} is {liveness}: do not trade on these quotes; restart the aggregator")
        self.path = path
        self.liveness = liveness


class Retired(ShmError):
    """The mapped file was replaced or removed, and no successor could be attached."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} was replaced or removed: keep polling, the reader attaches to the next one by itself")
        self.path = path


class Busy(ShmError):
    """The entry stayed mid-write for the whole bound of a read."""

    def __init__(self, index: int) -> None:
        super().__init__(
            f"entry {index} is being written and its writer is not running: use your last quote or try again later"
        )
        self.index = index


class NoQuote(ShmError):
    """The table holds no quote for what was asked."""

    def __init__(self, what: str) -> None:
        super().__init__(f"no quote for {what}: test the handle's truth first; it turns true once one is published")
        self.what = what


class InvalidMint(ShmError, ValueError):
    """Neither 32 bytes nor base58 of 32 bytes."""

    def __init__(self, mint: object) -> None:
        super().__init__(f"{mint!r} is no mint: pass 32 bytes or their base58 text")
        self.mint = mint


class ImpossibleQuote(ShmError, ValueError):
    """A value that no quote can have."""

    def __init__(self, field: str, rule: str, value: object) -> None:
        super().__init__(f"{field} {rule}, got {value}: refuse such a quote where it comes in")
        self.field = field
        self.rule = rule
        self.value = value


class ImpossibleCounts(ShmError, ValueError):
    """A number of entries or ring slots that no table has."""

    def __init__(self, field: str, rule: str, value: int) -> None:
        super().__init__(f"{field} of a table {rule}, got {value}")
        self.field = field
        self.rule = rule
        self.value = value


class OutdatedDraft(ShmError):
    """The draft's entry was given to another pair since the draft was made."""

    def __init__(self, index: int) -> None:
        super().__init__(f"entry {index} has gone to another pair since this draft was made for it: make a new draft")
        self.index = index


class BatchFull(ShmError):
    """More changes than the table has entries."""

    def __init__(self, capacity: int) -> None:
        super().__init__(f"a batch holds at most {capacity} changes: publish it, then go on")
        self.capacity = capacity


class IndexOutOfRange(ShmError, IndexError):
    """No such entry."""

    def __init__(self, index: int, count: int, first: int = 0) -> None:
        super().__init__(f"entry {index} is out of range: use {first} to {first + count - 1}")
        self.index = index
        self.count = count
        self.first = first


class NumpyMissing(ShmError, ImportError):
    """A structured array was asked for without NumPy."""

    def __init__(self) -> None:
        super().__init__("snapshot() needs NumPy: install numpy, or iterate over the reader instead")
