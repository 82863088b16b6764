"""What a process writes, in a process of its own: the shape is of the whole of standard error."""

import json
import os
import pty
import subprocess
import sys

HEAD = ["timestamp", "level", "service", "event"]
CODE = """
import logging
import structlog
from quote_core.telemetry.logs import start_logs
early = structlog.get_logger(part="bus")
start_logs("scanner", "info")
structlog.get_logger().debug("not wanted")
structlog.get_logger().info("serving", port=7)
early.warning("gone")
logging.getLogger("aiohttp").error("lost %d", 3)
logging.getLogger("aiohttp").log(35, "between two levels")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("failed")
"""


def test_every_line_is_an_object_that_begins_alike_and_names_its_service():
    done = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [list(line)[:4] for line in lines] == [HEAD] * 5
    assert {line["service"] for line in lines} == {"scanner"}
    assert [(line["level"], line["event"], line.get("part")) for line in lines] == [
        ("info", "serving", None),
        ("warning", "gone", "bus"),
        ("error", "lost 3", "aiohttp"),
        ("warning", "between two levels", "aiohttp"),
        ("error", "failed", None),
    ]
    assert lines[0]["port"] == 7
    assert "ZeroDivisionError" in lines[-1]["exception"]


def on_a_terminal(**environ: str) -> str:
    ours, its = pty.openpty()
    subprocess.run([sys.executable, "-c", CODE], check=True, stderr=its, env=os.environ | environ)
    os.close(its)
    with os.fdopen(ours, "rb", closefd=True) as terminal:
        return os.read(terminal.fileno(), 65_536).decode()


def test_on_a_terminal_it_is_words_and_without_colours_where_none_are_wanted():
    coloured, plain = on_a_terminal(NO_COLOR="", TERM="xterm"), on_a_terminal(NO_COLOR="1", TERM="xterm")
    assert "\x1b[" in coloured
    assert "\x1b[" not in plain
    first = plain.splitlines()[0]
    assert "serving" in first
    assert "service=scanner" in first
    assert not first.startswith("{")
