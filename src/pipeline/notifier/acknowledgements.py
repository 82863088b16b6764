"""Who sees to which alert: `notifier/acknowledged/<number>` in the data folder.

`solquote alerts ack` writes such a file, and the notifier takes it away once it has written the acknowledgement down,
now or when it is back. Who may write into the data folder may acknowledge, and nobody else.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quote_core.files import replace_file

__all__ = ["Acknowledgement", "place_acknowledgement", "waiting_acknowledgements"]

_FOLDER: Final = "acknowledged"
_BY_BYTES_MAX: Final = 400
_BY_CHARS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One that waits to be heeded."""

    path: Path
    number: int
    by: str

    @property
    def is_waiting(self) -> bool:
        """Whether the notifier has yet to take it away."""
        return self.path.exists()

    def take_away(self) -> None:
        """It is heeded.

        Raises:
            OSError: It cannot be removed.
        """
        self.path.unlink(missing_ok=True)


def place_acknowledgement(folder: Path, number: int, *, by: str) -> Acknowledgement:
    """Acknowledge an alert.

    Raises:
        OSError: The folder cannot be written to.
    """
    path = folder / _FOLDER / str(number)
    replace_file(path, by.encode(errors="replace"))
    return Acknowledgement(path, number, by)


def waiting_acknowledgements(folder: Path) -> Iterator[Acknowledgement]:
    """Those to be heeded."""
    try:
        with os.scandir(folder / _FOLDER) as entries:
            paths = [Path(entry.path) for entry in entries if entry.name.isdecimal() and entry.name.isascii()]
    except OSError:
        return
    for path in sorted(paths):
        try:
            with path.open("rb") as file:
                by = file.read(_BY_BYTES_MAX).decode(errors="replace")
        except OSError:
            continue
        yield Acknowledgement(path, int(path.name[:18]), "".join(filter(str.isprintable, by))[:_BY_CHARS_MAX])
