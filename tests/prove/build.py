"""Compile the C programs beside this file, and the examples in C, C++ and Rust, against the headers of the package."""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import shm
from shm.layout import COUNTS, TableCounts, counts_of

HERE = Path(__file__).parent
HEADERS = Path(shm.__file__).parent
COMPILER = os.environ.get("CC", "cc")
CPP_COMPILER = os.environ.get("CXX", "c++")
WARNINGS = ("-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror")


@functools.cache
def output_directory() -> Path:
    """A directory for this process's programs."""
    path = Path(tempfile.mkdtemp(prefix="solquote-prove-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def of_counts(counts: TableCounts) -> tuple[str, ...]:
    """Flags that make a program one of a table of these counts."""
    return () if counts.is_contract else (f"-DSIZED_ENTRIES={counts.entries}", f"-DSIZED_SLOTS={counts.slots}")


def counts_at(path: Path) -> TableCounts:
    """What the table in a file says of itself."""
    with path.open("rb") as file:
        return counts_of(file.read(COUNTS.end_offset))


@functools.cache
def program(source: Path, *flags: str) -> Path:
    """Compile one source file to a program."""
    target = output_directory() / f"{source.stem}-{abs(hash(flags))}"
    command = [COMPILER, *WARNINGS, *flags, f"-I{HEADERS}", f"-I{HERE}", str(source), "-o", str(target)]
    subprocess.run(command, check=True)
    return target


Edits = tuple[tuple[str, str], ...]
"""Text of the headers, and what stands there instead."""


def program_without(edits: Edits, source: Path, *flags: str) -> Path:
    """Compile one source file over headers that were edited; each text stands once in them."""
    folder = Path(tempfile.mkdtemp(prefix="without-", dir=output_directory()))
    headers = {name: (HEADERS / name).read_text() for name in ("solquote_shm.h", "publish.h")}
    for present, instead in edits:
        assert sum(text.count(present) for text in headers.values()) == 1, present
        headers = {name: text.replace(present, instead) for name, text in headers.items()}
    for name, text in headers.items():
        (folder / name).write_text(text)
    target = folder / source.stem
    command = [COMPILER, *WARNINGS, *flags, f"-I{folder}", f"-I{HERE}", str(source), "-o", str(target)]
    subprocess.run(command, check=True)
    return target


@functools.cache
def program_in_cpp(source: Path) -> Path:
    """Compile one C source file as C++."""
    target = output_directory() / f"{source.stem}-cpp"
    command = [CPP_COMPILER, "-x", "c++", "-std=c++17", *WARNINGS[1:], f"-I{HEADERS}", str(source), "-o", str(target)]
    subprocess.run(command, check=True)
    return target


@functools.cache
def crate(folder: Path) -> Path:
    """Build a crate that has no dependencies; its program is named as the crate."""
    command = ["cargo", "build", "--release", "--offline", "--locked", "--manifest-path", str(folder / "Cargo.toml")]
    target = output_directory() / "crate"
    subprocess.run([*command, "--target-dir", str(target)], check=True, env=os.environ | {"RUSTFLAGS": "-D warnings"})
    (binary,) = (path for path in (target / "release").iterdir() if path.is_file() and os.access(path, os.X_OK))
    return binary


def has_thread_sanitizer() -> bool:
    """Whether the compiler can link the thread sanitizer."""
    probe = output_directory() / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    command = [COMPILER, "-fsanitize=thread", str(probe), "-o", str(probe.with_suffix(""))]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
