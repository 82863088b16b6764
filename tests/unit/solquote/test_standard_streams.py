"""What a command does when its standard streams are closed, full, or a pipe nobody reads."""

import os
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "solquote", "settings"]
STARTED_S = 180.0


@pytest.mark.parametrize("form", ["--markdown", "--json"])
def test_a_reader_that_has_gone_ends_the_command_silently(form: str):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as nobody:
        ended = subprocess.run([*COMMAND, form], stdout=nobody, stderr=subprocess.PIPE, timeout=STARTED_S, check=False)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize("form", ["--markdown", "--json"])
def test_output_that_cannot_be_written_is_a_sentence(form: str):
    with open("/dev/full", "wb") as full:
        ended = subprocess.run([*COMMAND, form], stdout=full, stderr=subprocess.PIPE, timeout=STARTED_S, check=False)
    assert ended.returncode == 3
    assert b"cannot write: No space left on device" in ended.stderr
    assert ended.stderr.count(b"\n") == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_as_good_as_the_null_device(closed: str):
    ended = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND, "--markdown"],
        capture_output=True,
        timeout=STARTED_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
