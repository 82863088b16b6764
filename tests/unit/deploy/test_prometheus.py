"""What is delivered for Prometheus names what there is, and fires when it should."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from quote_core.telemetry.metrics import MetricKind
from solquote.metrics_reference import catalogues_of, names_of
from solquote.processes import METRICS_PORT, SERVICES
from solquote.setting_models import settings_model

FOLDER = Path(__file__).parents[3] / "deploy" / "prometheus"
HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")


@pytest.mark.parametrize(
    ("file", "target"),
    [
        ("prometheus/prometheus.yml", r'targets: \["127\.0\.0\.1:(\d+)"\]\n +labels: \{service: (\w+)\}'),
        ("kubernetes/cluster/config.alloy", r'__address__ = "127\.0\.0\.1:(\d+)", service = "(\w+)"'),
    ],
)
def test_every_process_is_scraped_on_the_port_it_is_delivered_with(file: str, target: str):
    targets = re.findall(target, (FOLDER.parent / file).read_text())
    assert {name: int(port) for port, name in targets} == {
        service.name: settings_model(service).model_fields[METRICS_PORT.field].default for service in SERVICES
    }
    assert len(targets) == len(SERVICES)


@pytest.mark.parametrize("file", ["rules.yml", "rules_test.yml"])
def test_the_rules_ask_for_what_is_told(file: str):
    told = set().union(*map(names_of, SERVICES))
    told |= {
        family.name + part
        for service in SERVICES
        for catalogue in catalogues_of(service)
        for family in catalogue.families
        if family.kind is MetricKind.HISTOGRAM
        for part in HISTOGRAM_PARTS
    }
    asked = set(re.findall(r"\bsolquote_\w+", (FOLDER / file).read_text()))
    assert asked
    assert asked <= told


@pytest.mark.parametrize(
    "command", ["check config prometheus.yml", "check rules rules.yml", "test rules rules_test.yml"]
)
def test_promtool_accepts_it(command: str):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    ended = subprocess.run(
        [promtool, *command.split()], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
