"""The shared-memory quote table: one writer process, readers that never wait for it and never see half a quote.

Imports nothing else of this project and needs only the standard library; NumPy is used where it is asked for.

    from shm import QuoteReader

    with QuoteReader.open() as quotes:
        sol_usdc = quotes.handle(SOL, USDC, 1_000_000_000)
        while quotes.wait():
            quotes.poll()
            if sol_usdc:
                print(sol_usdc.output_amount, sol_usdc.age_ns)
"""

from shm.changed import Change, Changed, Changes
from shm.draft import Batch, Draft
from shm.errors import (
    BatchFull,
    Busy,
    DeadWriter,
    DirectoryUnsafe,
    ImpossibleCounts,
    ImpossibleQuote,
    ImpossibleState,
    IndexOutOfRange,
    InvalidMint,
    NoQuote,
    NotATable,
    NotReadable,
    NotThereYet,
    NotWriting,
    NumpyMissing,
    OutdatedDraft,
    Retired,
    SecondWriter,
    ShmError,
    WrongCounts,
    WrongFile,
    WrongLayout,
    WrongMagic,
    WrongOwner,
    WrongSize,
    WrongVersion,
)
from shm.files import default_directory, find_directory
from shm.following import follow_changes
from shm.handle import Handle
from shm.inspection import Finding, TableReport, inspect, verify
from shm.layout import CONTRACT, ENTRY, ChangeKind, Flag, Role, State, TableCounts, role_of_index, row_of_index
from shm.reader import QuoteReader
from shm.values import HandleState, ListedPair, Liveness
from shm.view import Quote, QuoteView
from shm.writer import QuoteWriter

ENTRY_COUNT = ENTRY.count
"""Entries of one file, unless its writer was opened with other counts than `CONTRACT`."""

__all__ = [
    "CONTRACT",
    "ENTRY_COUNT",
    "Batch",
    "BatchFull",
    "Busy",
    "Change",
    "ChangeKind",
    "Changed",
    "Changes",
    "DeadWriter",
    "DirectoryUnsafe",
    "Draft",
    "Finding",
    "Flag",
    "Handle",
    "HandleState",
    "ImpossibleCounts",
    "ImpossibleQuote",
    "ImpossibleState",
    "IndexOutOfRange",
    "InvalidMint",
    "ListedPair",
    "Liveness",
    "NoQuote",
    "NotATable",
    "NotReadable",
    "NotThereYet",
    "NotWriting",
    "NumpyMissing",
    "OutdatedDraft",
    "Quote",
    "QuoteReader",
    "QuoteView",
    "QuoteWriter",
    "Retired",
    "Role",
    "SecondWriter",
    "ShmError",
    "State",
    "TableCounts",
    "TableReport",
    "WrongCounts",
    "WrongFile",
    "WrongLayout",
    "WrongMagic",
    "WrongOwner",
    "WrongSize",
    "WrongVersion",
    "default_directory",
    "find_directory",
    "follow_changes",
    "inspect",
    "role_of_index",
    "row_of_index",
    "verify",
]
