"""`python tests/chaos`: the whole platform through kills, pauses, a full disk, clock steps and halts. Ends with 1 when
a promise was broken.

python tests/chaos --minutes 10 --seed 1

Filling the disk takes a mount namespace (`unshare --mount`, as root or where users may have namespaces); without one
the rest is done, and the report says so.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `chaos` is a package when run as a program

from chaos.campaign import run_chaos

_S_PER_MINUTE = 60.0
_APART = "CHAOS_MOUNTS_ARE_APART"
_UNSHARE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


def main() -> int:
    """Run, print what was done and found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long faults are made")
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn")
    parser.add_argument("--verbose", action="store_true", help="tell what was done when, also when all is well")
    parser.add_argument("--keep", type=Path, help="folder that journal and logs are copied to")
    arguments = parser.parse_args()
    if _APART not in os.environ and _can_unshare():
        os.execvpe(_UNSHARE[0], [*_UNSHARE, sys.executable, *sys.argv], os.environ | {_APART: "1"})
    with_disk = _APART in os.environ
    with tempfile.TemporaryDirectory(prefix="solquote-chaos-") as folder:
        seconds = arguments.minutes * _S_PER_MINUTE
        outcome = run_chaos(
            Path(folder), seconds=seconds, seed=arguments.seed, with_disk=with_disk, keep=arguments.keep
        )
    log = "\n".join([*outcome.log, ""]) if arguments.verbose and not outcome.findings else ""
    disk = "" if with_disk else "the disk was never filled: no mount namespace could be had\n"
    sys.stdout.write(f"{log}{disk}{outcome.report()}\n")
    return bool(outcome.findings)


def _can_unshare() -> bool:
    if shutil.which("unshare") is None:
        return False
    return (
        subprocess.run(
            [*_UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/tmp"], capture_output=True, check=False
        ).returncode
        == 0
    )


if __name__ == "__main__":
    sys.exit(main())
