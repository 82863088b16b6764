"""Compile the C programs beside this file against the headers of the package."""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import shm

HERE = Path(__file__).parent
HEADERS = Path(shm.__file__).parent
COMPILER = os.environ.get("CC", "cc")
WARNINGS = ("-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror")


@functools.cache
def output_directory() -> Path:
    """A directory for this process's programs."""
    path = Path(tempfile.mkdtemp(prefix="solquote-prove-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@functools.cache
def program(source: Path, *flags: str) -> Path:
    """Compile one source file to a program."""
    target = output_directory() / f"{source.stem}-{abs(hash(flags))}"
    command = [COMPILER, *WARNINGS, *flags, f"-I{HEADERS}", f"-I{HERE}", str(source), "-o", str(target)]
    subprocess.run(command, check=True)
    return target


def has_thread_sanitizer() -> bool:
    """Whether the compiler can link the thread sanitizer."""
    probe = output_directory() / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    command = [COMPILER, "-fsanitize=thread", str(probe), "-o", str(probe.with_suffix(""))]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
