"""What README and the pages for newcomers show is run as it stands there, against one platform.

Only addresses and folders are those of the test's own platform. What cannot be run is listed with its reason.
"""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.go_tools import go_tool
from fakes.running_platform import RunningPlatform
from fakes.waiting import until

from pipeline.event_logger import verify

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
PAGES = (
    "README.md",
    "docs/tutorial.md",
    "docs/backup.md",
    "docs/faq.md",
    "docs/troubleshooting.md",
    "docs/confidence.md",
)
NOT_RUN = {
    "sudo apt-get install": "installs packages and compiles; tests/fresh_root.sh runs it whole, a test below its clone",
    "SOLQUOTE_RPC_URL=https://your.node/key": "needs a node and its key",
    ".venv/bin/python docs/examples/first_scanner.py": "goes on until Ctrl-C; a test below waits for what it finds",
    '"""Your first scanner': "the same file as shown",
}
WAIT_S = 180.0
VENV = Path(sys.executable).parents[1]


@dataclass(frozen=True)
class Block:
    """A fenced part of a page, or one command of a session in it."""

    page: str
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_run(self) -> bool:
        return not self.code.startswith(tuple(NOT_RUN))


def blocks() -> Iterator[Block]:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for found in re.finditer(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            line = text.count("\n", 0, found.start()) + 1
            language, code = found.groups()
            if language:
                yield Block(page, line, language, code)
            for command in re.findall(r"^\$ (.*)$", code, re.MULTILINE):
                yield Block(page, line + code[: code.index(command)].count("\n") + 1, "sh", command)


BLOCKS = list(blocks())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Looks like the checkout from within."""
    (tmp_path / ".venv").symlink_to(VENV)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    return tmp_path


def here(platform: RunningPlatform, code: str) -> str:
    environment = platform.environment
    http = f"127.0.0.1:{environment['SOLQUOTE_AGGREGATOR_HTTP_PORT']}"
    code = code.replace("127.0.0.1:50051", environment["SOLQUOTE_AGGREGATOR_ADDRESS"]).replace("127.0.0.1:8080", http)
    return code.replace("QuoteReader.open()", f"QuoteReader.open({environment['SOLQUOTE_SHM_DIR']!r})")


def run(platform: RunningPlatform, block: Block, folder: Path) -> str:
    programs = [str(VENV / "bin"), os.environ["PATH"]]
    if "grpcurl" in block.code:
        programs.insert(0, str(Path(go_tool("grpcurl")).parent))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SOLQUOTE_")}
    environment |= {"SOLQUOTE_DATA_DIR": str(platform.data_dir), "PATH": ":".join(programs)}
    interpreter = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}[block.language]
    done = subprocess.run(
        [*interpreter, here(platform, block.code)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.is_run], ids=str)
def test_what_a_page_shows_runs(client_platform: RunningPlatform, block: Block, folder: Path):
    printed = run(client_platform, block, folder)
    assert printed or block.code.startswith("cp "), "it says something"


def test_every_exception_is_one_and_the_readme_shows_each_way_in():
    assert all(any(block.code.startswith(start) for block in BLOCKS) for start in NOT_RUN)
    shown = "".join(block.code for block in BLOCKS if block.page == "README.md" and block.is_run)
    for way in ("QuoteReader", "StreamBatchQuotes", "grpcurl", "curl '", "solquote quote", "solquote pnl"):
        assert way in shown


def test_the_clone_line_makes_a_checkout_that_knows_what_it_needs(tmp_path: Path):
    first = next(block.code for block in BLOCKS if block.page == "README.md")
    packages, clone, make_run = first.splitlines()
    assert re.fullmatch(r"sudo apt-get install --yes( [a-z0-9-]+)+", packages)
    assert make_run == "make run"
    clone = clone.replace("<this repository>", str(ROOT))
    commands = f"{clone} && config/setup/needs.sh '{sys.executable}' && {make_run} --dry-run"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=tmp_path,
        env=environ,  # a newcomer's shell was not started by make, as this test is
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("solquote up")


def test_the_first_scanner_is_shown_whole_and_finds_round_trips(client_platform: RunningPlatform):
    example = ROOT / "docs" / "examples" / "first_scanner.py"
    assert example.read_text(encoding="utf-8") in {block.code for block in BLOCKS}
    command = [sys.executable, str(example), client_platform.environment["SOLQUOTE_SHM_DIR"]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as scanner:
        late = threading.Timer(WAIT_S, scanner.kill)
        late.start()
        assert scanner.stdout is not None
        watched, found = scanner.stdout.readline(), scanner.stdout.readline()
        late.cancel()
        scanner.kill()
    assert int(watched.split()[0]) > 100
    gain = re.fullmatch(r"(\d+\.\d+) SOL via \w{32,44}: \+(\d+\.\d{6}) SOL\n", found)
    assert gain, found
    assert 0.001 < float(gain[2]) / float(gain[1]) < 0.1


def test_the_journal_in_a_copy_of_the_data_folder_is_whole(client_platform: RunningPlatform, folder: Path):
    copy = next(block for block in BLOCKS if block.code.startswith("cp "))

    def is_copied() -> bool:
        """What goes while it is copied, as the history's -wal does between two writings, fails cp: it is run again."""
        shutil.rmtree(folder / "solquote-backup", ignore_errors=True)
        try:
            run(client_platform, copy, folder)
        except AssertionError:
            return False
        return True

    until(is_copied, "all of a running platform's folder is copied")
    assert verify(folder / "solquote-backup" / "journal").is_intact
