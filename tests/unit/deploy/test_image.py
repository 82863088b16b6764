"""The image is built of what is there, by a Dockerfile that its linter has nothing against."""

import re
import sys
from pathlib import Path

from fakes.deployed import DEPLOY, ROOT, run_checker

DOCKERFILE = DEPLOY / "docker" / "Dockerfile"


def test_hadolint_has_nothing_against_it():
    run_checker(Path(sys.executable).parent / "hadolint", DOCKERFILE)


def test_all_that_is_copied_is_there_and_let_in():
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        word
        for words in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
        for word in words.split()
    }
    assert copied == {"LICENSE", "README.md", "pyproject.toml", "setup.py", "src"}
    assert copied <= let_in
    assert all((ROOT / name).exists() for name in copied)


def test_nothing_of_it_is_root_s_to_run():
    text = DOCKERFILE.read_text()
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["10001:10001"]
    assert text.index("USER 10001:10001") < text.index("\nCMD")
