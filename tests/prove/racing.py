"""The thread sanitizer on the C core: silent on the protocol, loud on plain copies."""

import shutil
import subprocess

from prove.build import HERE, of_counts, program

from shm.layout import CONTRACT, TableCounts

SANITIZE = ("-O1", "-g", "-fsanitize=thread", "-pthread")


def race(variant: str, counts: TableCounts = CONTRACT) -> subprocess.CompletedProcess[str]:
    """Run writer and readers as threads, built with `-D` of the variant."""
    binary = str(program(HERE / "race.c", *SANITIZE, f"-D{variant}", *of_counts(counts)))
    # The sanitizer of older compilers cannot start under the address randomisation of newer kernels.
    fixed_addresses = ["setarch", "--addr-no-randomize"] if shutil.which("setarch") else []
    return subprocess.run([*fixed_addresses, binary], capture_output=True, text=True, timeout=120, check=False)
