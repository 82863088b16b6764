"""`config/setup/needs.sh`: what a machine lacks is said at once, with the one line that mends it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NEEDS = Path(__file__).parents[3] / "config" / "setup" / "needs.sh"
EVERYWHERE = ("awk", "cat", "df", "id", "mktemp", "rm", "uname")
"""What every Linux has, the smallest too."""


class Machine:
    """A PATH with these programs and no others, and an empty folder as the checkout."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "bin"
        self.checkout = folder / "checkout"
        self.programs.mkdir()
        self.checkout.mkdir()
        for name in EVERYWHERE:
            self.has(name)

    def has(self, name: str, *, script: str | None = None) -> None:
        """A program of this machine, or one made up of a line of shell."""
        path = self.programs / name
        path.unlink(missing_ok=True)
        if script is None:
            found = shutil.which(name)
            assert found is not None
            path.symlink_to(found)
        else:
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)

    def needs(self, python: str = "python3") -> tuple[int, str]:
        done = subprocess.run(
            ["/bin/sh", str(NEEDS), python],
            env={"PATH": str(self.programs), "TMPDIR": str(self.checkout)},
            cwd=self.checkout,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout == ""
        return done.returncode, done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_machine_with_nothing_is_told_all_of_it_and_the_one_line(machine: Machine):
    machine.has("apt-get", script="exit 1")
    code, told = machine.needs()
    assert code == 1
    assert "'python3' is not there" in told
    assert "'cc' is not there" in told
    root = "" if os.getuid() == 0 else "sudo "
    assert told.endswith(f"  {root}apt-get install --yes python3 python3-dev python3-venv build-essential\n")


def test_a_machine_without_apt_is_told_what_to_look_for(machine: Machine):
    assert "install what Debian calls python3 python3-dev python3-venv build-essential" in machine.needs()[1]


def test_a_python_without_headers_and_venv_needs_both(machine: Machine):
    machine.has("python3", script="case $2 in *version_info*) exit 0 ;; *) exit 1 ;; esac")
    machine.has("cc", script="exit 0")
    machine.has("apt-get", script="exit 1")
    assert machine.needs()[1].splitlines()[-1].endswith("apt-get install --yes python3-dev python3-venv")


def test_a_python_named_by_version_needs_packages_of_that_version(machine: Machine):
    machine.has("python3.12", script="case $2 in *version_info*) exit 0 ;; *) exit 1 ;; esac")
    machine.has("cc", script="exit 0")
    machine.has("apt-get", script="exit 1")
    assert (
        machine.needs("python3.12")[1].splitlines()[-1].endswith("apt-get install --yes python3.12-dev python3.12-venv")
    )


def test_a_python_of_another_version_leads_to_one_that_fits(machine: Machine):
    machine.has("python3", script='[ "$1" = --version ] && echo Python 3.14.0; exit 1')
    machine.has("python3.13", script="exit 0")
    assert "'python3' is Python 3.14.0 (python3.13 is there: make PYTHON=python3.13)" in machine.needs()[1]


def test_a_compiler_without_the_c_library_is_not_enough(machine: Machine):
    machine.has("python3", script="exit 0")
    machine.has("cc", script="exit 1")
    machine.has("apt-get", script="exit 1")
    code, told = machine.needs()
    assert code == 1
    assert "a C compiler that compiles: 'cc' cannot make an empty program" in told


def test_a_disk_without_room_is_told_in_megabytes(machine: Machine):
    machine.has("python3", script="exit 0")
    machine.has("cc", script="exit 0")
    machine.has("df", script="printf 'a b c d e f\\n/dev/x 9 9 409600 9%% /\\n'")
    code, told = machine.needs()
    assert (code, told.splitlines()[-1]) == (1, f"  - 1700 MB of disk: {machine.checkout} has 400 MB free")


def test_another_system_than_linux_is_refused_in_one_sentence(machine: Machine):
    machine.has("uname", script="echo Darwin")
    code, told = machine.needs()
    assert code == 1
    assert told.startswith("solquote runs on Linux alone")
    assert "this is Darwin" in told
    assert told.count("\n") == 1


def test_a_machine_with_everything_is_told_nothing(machine: Machine):
    machine.has("python3", script="exit 0")
    machine.has("cc", script="exit 0")
    machine.has("df", script="printf 'a b c d e f\\n/dev/x 9 9 4096000 9%% /\\n'")
    assert machine.needs() == (0, "")
