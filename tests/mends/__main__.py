"""`python tests/mends`: take each mend out of a copy of the source and see its test fail. Ends with 1 if one does not.

python tests/mends                        all of them, some eight minutes
python tests/mends "trust 19" "truth 3"   those of these numbers
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `mends` is a package when run as a program

from mends.table import MENDS, Mend

ROOT = Path(__file__).resolve().parents[2]
TEST_S_MAX = 300.0
BUILD_FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE")
_ERROR = re.compile(r"^E {3}\s*(\S.*)$", re.MULTILINE)


def source_without(mend: Mend, folder: Path) -> Path:
    """A copy of the source that lacks the mend; built where that matters."""
    source = folder / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in mend.edits:
        file = source / edit.file
        present = file.read_text()
        assert present.count(edit.present) == 1, (mend.rule, edit)
        file.write_text(present.replace(edit.present, edit.without))
    if mend.is_compiled:
        for name in BUILD_FILES:
            shutil.copy2(ROOT / name, folder)
        command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return source


def tested(source: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run tests of this tree over that source, and over nothing else, in the processes they start too."""
    command = [sys.executable, "-m", "pytest", "-x", "--tb=short", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *(f"tests/{test}" for test in tests)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=TEST_S_MAX,
    )


def verdict(mend: Mend) -> tuple[bool, str]:
    """Whether the test fails without the mend in the way it should, and what it says."""
    with tempfile.TemporaryDirectory(prefix="solquote-mends-") as folder:
        run = tested(source_without(mend, Path(folder)), [mend.test])
    if run.returncode == 0:
        return False, "passes without its mend"
    errors = _ERROR.findall(run.stdout)
    said = next((error for error in errors if mend.says in error), None)
    if run.returncode != 1 or said is None:
        return False, f"fails in another way: {errors or run.stdout[-2_000:] + run.stderr[-2_000:]}"
    return True, said


def main() -> int:
    """Run the mends named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", metavar="number", help="of docs/trust-proofs.md, as in 'trust 3'")
    numbers = parser.parse_args().numbers
    if unknown := set(numbers) - {mend.number for mend in MENDS}:
        parser.error(f"no mend is taken out of: {', '.join(sorted(unknown))}")
    mends = [mend for mend in MENDS if not numbers or mend.number in numbers]
    with_all = tested(ROOT / "src", list(dict.fromkeys(mend.test for mend in mends)))
    if with_all.returncode != 0:
        sys.stdout.write(f"with every mend in place a test fails\n{with_all.stdout}{with_all.stderr}")
        return 1
    failed = 0
    for mend in mends:
        shows, text = verdict(mend)
        failed += not shows
        sys.stdout.write(
            f"{mend.number:9}{'ok    ' if shows else 'FAILED'} {mend.rule}\n"
            f"{'':16}{mend.test.partition('::')[2]}\n"
            f"{'':16}{text}\n"
        )
        sys.stdout.flush()
    count = len(mends)
    sys.stdout.write(f"{count - failed} of {count} mends: the test passes with it and fails without it\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
