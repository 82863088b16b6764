"""`config/setup/shown.sh`: a long command is seen to work, and its failure is told."""

import subprocess
from pathlib import Path

SHOWN = Path(__file__).parents[3] / "config" / "setup" / "shown.sh"


def shown(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SHOWN), str(folder / "logs" / "log"), "doing it", "sh", "-c", command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_a_command_says_is_in_the_log_and_only_its_title_is_seen(tmp_path: Path):
    done = shown(tmp_path, "echo one; echo two >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "doing it\n", "")
    assert (tmp_path / "logs" / "log").read_text() == "one\ntwo\n"


def test_a_failure_shows_its_end_the_log_and_what_to_do(tmp_path: Path):
    done = shown(tmp_path, "echo no such package; exit 3")
    assert done.returncode == 3
    assert done.stderr.startswith("no such package\n")
    assert f"The whole output is in {tmp_path}/logs/log; run the same command again to go on" in done.stderr


def test_a_command_that_asks_gets_no_answer_and_does_not_wait(tmp_path: Path):
    assert shown(tmp_path, "read answer || echo asked nobody").returncode == 0
