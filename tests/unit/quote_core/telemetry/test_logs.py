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


SECRET = 'whsec_"quoted"_0123456789'
MASKED = f"""
import logging
import structlog
from quote_core.telemetry.logs import hide, masked, start_logs
hide([{SECRET!r}, "0123456789", "short"])
start_logs("scanner", "info")
log = structlog.get_logger()
log.info("asked", url="https://node.example/" + {SECRET!r}, nested={{"key": [{SECRET!r}]}}, note="short")
logging.getLogger("urllib3").warning("no answer from %s", {SECRET!r})
try:
    raise ValueError({SECRET!r})
except ValueError:
    log.exception("failed")
raise RuntimeError({SECRET!r})
"""


def test_what_was_hidden_is_in_no_line_and_in_no_last_word():
    done = subprocess.run([sys.executable, "-c", MASKED], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "0123456789" not in done.stderr
    assert "whsec" not in done.stderr
    first = json.loads(done.stderr.splitlines()[0])
    assert first["url"] == "https://node.example/(secret)"
    assert first["nested"] == {"key": ["(secret)"]}
    assert first["note"] == "short"
    assert done.stderr.splitlines()[-1] == "RuntimeError: (secret)"


TRACED = """
import structlog
from fakes.traced import traced
from quote_core.events import Trace
from quote_core.telemetry import traces
from quote_core.telemetry.logs import start_logs
start_logs("planner", "info")
with traced():
    for flags in (1, 0):
        parent = Trace(trace_id=bytes(range(16)), span_id=bytes(range(8)), flags=flags)
        with traces.creating("plan.SOL-USDC", parent=parent):
            structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")
"""


def test_a_line_inside_of_a_sampled_span_carries_its_ids_and_no_other_line_does():
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", TRACED],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    sampled, unsampled, outside = map(json.loads, done.stderr.splitlines())
    assert sampled["trace_id"] == bytes(range(16)).hex()
    assert len(sampled["span_id"]) == 16
    assert "trace_id" not in unsampled
    assert "trace_id" not in outside
