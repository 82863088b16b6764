"""Is the payload copied by 8-byte moves, and are the barriers there where the machine needs them?"""

import re
import subprocess
from pathlib import Path

from prove.build import HEADERS, HERE, output_directory

ARM_COMPILER = "aarch64-linux-gnu-gcc"


def assembly(compiler: str, *flags: str) -> dict[str, list[str]]:
    """Instructions of each function of `moves.c`, one a line."""
    target = output_directory() / f"{Path(compiler).name}.s"
    command = [compiler, "-S", "-O3", "-std=c11", "-D_GNU_SOURCE", *flags, f"-I{HEADERS}"]
    subprocess.run([*command, str(HERE / "moves.c"), "-o", str(target)], check=True)
    functions: dict[str, list[str]] = {}
    name = ""
    for line in target.read_text().splitlines():
        if label := re.match(r"(\w+):", line):
            name = label[1]
            functions[name] = []
        elif name and line.startswith("\t") and not line.startswith("\t."):
            functions[name].append(" ".join(line.split()))
    return functions


def exported(path: Path, function: str) -> list[str]:
    """Instructions of a function of a built module."""
    text = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", f"--disassemble={function}", str(path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [" ".join(line.split("\t", 1)[1].split()) for line in text.splitlines() if "\t" in line]
