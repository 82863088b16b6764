"""Room for half an entry, or for one read of two: what a reader and a handle show must be of one pair all the same."""

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prove.build import HERE, of_counts, program
from prove.stopping import BEFORE, A, B, carry_out, new_table, stopped

from shm import CONTRACT, HandleState, NoQuote, Quote, QuoteReader, TableCounts, files

MEMORY = Path("/dev/shm")
LOOK_S = 0.05
"""After this long a reader's next call looks for files, which it does every 20 ms by a clock that may lag by 10 ms."""


@dataclass(slots=True)
class Shown:
    """Quotes that a reader gave out, and those of a pair with amounts it had not before."""

    quote_count: int = 0
    pair_count: int = 0
    foreign_count: int = 0


def shown(seconds: float, counts: TableCounts = CONTRACT) -> Shown:
    """Read all there is again and again while every write gives the first entry to another pair."""
    result = Shown()
    amounts: dict[tuple[str, str], int] = {}
    with tempfile.TemporaryDirectory(prefix="solquote-prove-", dir=MEMORY) as folder:
        path = new_table(Path(folder), counts)
        command = [str(program(HERE / "gaps.c", "-O2", *of_counts(counts))), str(path), str(seconds)]
        with QuoteReader.open(Path(folder)) as quotes, subprocess.Popen(command) as writer:
            while writer.poll() is None:
                for quote in quotes:
                    result.quote_count += 1
                    result.foreign_count += amounts.setdefault(quote.pair, quote.input_amount) != quote.input_amount
        assert writer.returncode == 0, "the writer failed"
    result.pair_count = len(amounts)
    return result


OWN = "single"
GIVEN_AWAY = ("identity", "amount")
"""What the first entry undergoes: a new quote, or it becomes another pair's, or the same pair's for another amount."""


def told_by_handle(folder: Path, action: str, counts: TableCounts = CONTRACT) -> tuple[HandleState, Quote | None]:
    """What a handle tells whose entry underwent `action`, and is written again between its two reads.

    The first read finds the entry as the action left it; the second, of whichever entry is the handle's now, gets no
    copy. Between them the reader looks for files, and that is where a writer comes that stands still.
    """
    path = new_table(folder, counts)
    with contextlib.ExitStack() as stack:
        quotes = stack.enter_context(QuoteReader.open(folder))
        handle = quotes.handle(A, B, 1)
        handle.refresh()
        assert handle.output_amount == BEFORE
        carry_out(path, action)
        time.sleep(LOOK_S)
        with at_the_next_look(lambda: stack.enter_context(stopped(path))):
            handle.refresh()
        try:
            return handle.state, handle.quote()
        except NoQuote:
            return handle.state, None


@contextlib.contextmanager
def at_the_next_look(act: Callable[[], object]) -> Iterator[None]:
    """Act when a reader looks for files, before it does."""
    look = files.check_trusted

    def acting(directory: Path, *, owner_uid: int | None) -> None:
        files.check_trusted = look
        act()
        look(directory, owner_uid=owner_uid)

    files.check_trusted = acting
    try:
        yield
        assert files.check_trusted is look, "no look for files"
    finally:
        files.check_trusted = look
