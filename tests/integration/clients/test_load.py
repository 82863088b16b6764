"""The load tests against the platform as clients meet it: what a limit says, and which one a slow process turns red."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.running_platform import RunningPlatform

pytestmark = pytest.mark.integration

LOAD = Path(__file__).parents[2] / "load"
ENDED_S = 240.0
ROOMY = {
    "unary": {"grpc_req_duration": ["p(99)<5000"], "http_req_duration": ["p(99)<5000"], "checks": ["rate==1"]},
    "readers": {"read_us": ["med<1000"], "reader_errors": ["count==0"]},
}
TIGHT = {**ROOMY, "unary": {**ROOMY["unary"], "grpc_req_duration": ["p(99)<40"]}}


def load(platform: RunningPlatform, folder: Path, limits: object, *arguments: str) -> tuple[int, list[str], str]:
    """Exit code, printed lines, and the page."""
    thresholds, report = folder / "thresholds.json", folder / "report.html"
    thresholds.write_text(json.dumps(limits))
    options = ["--data-dir", str(platform.data_dir), "--thresholds", str(thresholds), "--report", str(report)]
    size = ["--rate", "20", "--seconds", "3", "--readers", "2"]
    ran = subprocess.run(
        [sys.executable, str(LOAD), "unary", "readers", *size, *options, *arguments],
        capture_output=True,
        text=True,
        timeout=ENDED_S,
        check=False,
    )
    assert report.exists(), ran.stderr
    return ran.returncode, [" ".join(line.split()) for line in ran.stdout.splitlines()], report.read_text()


def test_limits_that_are_kept_are_told_and_kept_in_a_report(client_platform: RunningPlatform, tmp_path: Path):
    code, printed, page = load(client_platform, tmp_path, ROOMY)
    assert code == 0, printed
    assert sum(line.startswith("kept ") for line in printed) == 5
    for shown in ("unary", "readers", "grpc_req_duration", "read_us", "reader_changes"):
        assert shown in page
    assert "missed" not in page.partition("</style>")[2]


def test_a_slow_aggregator_turns_the_quotes_red_and_not_the_readers(client_platform: RunningPlatform, tmp_path: Path):
    code, printed, page = load(client_platform, tmp_path, TIGHT, "--slow", "aggregator")
    assert code == 1
    (missed,) = [line for line in printed if line.startswith("MISSED ")]
    assert missed.startswith("MISSED grpc_req_duration p(99)<40 ")
    assert '<td class="missed">missed</td>' in page
