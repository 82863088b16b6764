"""A writer that leaves a reader room for half an entry: what it shows must be of one pair all the same."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from prove.build import HERE, program
from prove.stopping import new_table

from shm import QuoteReader

MEMORY = Path("/dev/shm")


@dataclass(slots=True)
class Shown:
    """Quotes that a reader gave out, and those of a pair with amounts it had not before."""

    quote_count: int = 0
    pair_count: int = 0
    foreign_count: int = 0


def shown(seconds: float) -> Shown:
    """Read all there is again and again while every write gives entry 0 to another pair."""
    result = Shown()
    amounts: dict[tuple[str, str], int] = {}
    with tempfile.TemporaryDirectory(prefix="solquote-prove-", dir=MEMORY) as folder:
        path = new_table(Path(folder))
        command = [str(program(HERE / "gaps.c", "-O2")), str(path), str(seconds)]
        with QuoteReader.open(Path(folder)) as quotes, subprocess.Popen(command) as writer:
            while writer.poll() is None:
                for quote in quotes:
                    result.quote_count += 1
                    result.foreign_count += amounts.setdefault(quote.pair, quote.input_amount) != quote.input_amount
        assert writer.returncode == 0, "the writer failed"
    result.pair_count = len(amounts)
    return result
