"""systemd understands the unit, and thinks it well confined."""

import re
import shutil
from pathlib import Path

import pytest
from fakes.deployed import DEPLOY, run_checker

UNIT = DEPLOY / "systemd" / "solquote.service"
EXPOSURE_MAX_TENTHS = 20
"""Of 100; below 20 are few services of a distribution."""


def systemd_analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed (Debian: apt-get install systemd)")
    return program


def test_systemd_understands_it(tmp_path: Path):
    here = tmp_path / UNIT.name  # with a program that this machine has
    here.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    said = run_checker(systemd_analyze(), "verify", "--man=no", here)
    assert UNIT.name not in said  # a key that it does not know is no error to it


def test_it_is_confined():
    run_checker(
        systemd_analyze(), "security", "--offline=true", f"--threshold={EXPOSURE_MAX_TENTHS}", "--no-pager", UNIT
    )


def test_the_user_it_names_is_made():
    user = re.search(r"^User=(\S+)$", UNIT.read_text(), re.MULTILINE)
    assert user
    assert f"\nu {user[1]} - " in (UNIT.parent / "solquote.sysusers.conf").read_text()
