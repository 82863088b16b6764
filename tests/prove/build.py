"""Compile the C programs beside this file, and the examples in C, C++ and Rust, against the headers of the package."""

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
CPP_COMPILER = os.environ.get("CXX", "c++")
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
