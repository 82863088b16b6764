"""A wall clock of its own for each process, to be set back or forward while it runs; see `wall_clock.c`."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

COMPILER = os.environ.get("CC", "cc")


class WallClocks:
    """Builds the shim in `folder`. A process started with `environ` keeps the true time until it is told another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "clocks"
        self._folder.mkdir()
        library = folder / "wall_clock.so"
        source = Path(__file__).with_name("wall_clock.c")
        subprocess.run([COMPILER, "-O2", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
        self.environ: Mapping[str, str] = {"LD_PRELOAD": str(library), "WALL_CLOCKS": str(self._folder)}

    def step(self, pid: int, seconds: int) -> None:
        """Set one process's clock this much beside the true time; it notices within a fifth of a second."""
        passing = self._folder / f"{pid}.new"
        passing.write_text(f"{seconds}\n")
        passing.rename(self._folder / str(pid))
