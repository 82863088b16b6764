"""What is delivered for Prometheus and Alertmanager names what there is, and fires when it should."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
from fakes.monitoring import with_all_targets
from fakes.told_series import told_series

from solquote.command_table import COMMANDS
from solquote.processes import METRICS_PORT, NATS, SERVICES
from solquote.setting_models import settings_model

ROOT: Final = Path(__file__).parents[3]
FOLDER: Final = ROOT / "deploy" / "prometheus"
RULES: Final = (FOLDER / "rules.yml").read_text(encoding="utf-8")
RUNBOOK: Final = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
ALERTS: Final = re.findall(r"^ +- alert: (\w+)$", RULES, re.MULTILINE)
RECORDED: Final = re.findall(r"^ +- record: (\S+)$", RULES, re.MULTILINE)


def checked(program: str, package: str, *arguments: str, folder: Path) -> str:
    """What the program says of it; the test skips where it is not installed."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed (Debian: apt-get install {package})")
    ended = subprocess.run([path, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize(
    ("file", "target"),
    [
        ("prometheus/prometheus.yml", r'targets: \["127\.0\.0\.1:(\d+)"\]\n +labels: \{service: (\w+)\}'),
        ("kubernetes/cluster/config.alloy", r'__address__ = "127\.0\.0\.1:(\d+)", service = "(\w+)"'),
    ],
)
def test_every_process_is_scraped_on_the_port_it_is_delivered_with(file: str, target: str):
    """One that runs only where something is set stands there as a comment: unset, it would be told as down."""
    text = (FOLDER.parent / file).read_text()
    always = [service for service in SERVICES if not service.only_with]
    delivered = re.sub(r"^ +(?:#|//).*$", "", text, flags=re.MULTILINE)
    for scraped, services in ((delivered, always), (with_all_targets(text), SERVICES)):
        targets = re.findall(target, scraped)
        assert {name: int(port) for port, name in targets} == {
            service.name: settings_model(service).model_fields[METRICS_PORT.field].default for service in services
        }
        assert len(targets) == len(services)


@pytest.mark.parametrize("file", ["rules.yml", "rules_test.yml"])
def test_the_rules_ask_for_what_is_told(file: str):
    asked = set(re.findall(r"\b(?:solquote_|process_|python_gc_)\w+", (FOLDER / file).read_text()))
    assert len(asked) > 30
    assert asked - told_series() == set()


def test_every_alert_and_record_has_a_case_in_which_it_comes():
    cases = (FOLDER / "rules_test.yml").read_text(encoding="utf-8")
    assert len(ALERTS) == len(set(ALERTS)) > 40
    assert set(re.findall(r"alertname: (\w+)\n +exp_alerts:\n +- exp_labels", cases)) == set(ALERTS)
    assert set(re.findall(r"alertname: (\w+), exp_alerts: \[\]", cases)) == set(ALERTS)
    assert set(re.findall(r"expr: (solquote:\S+)\n", cases)) == set(RECORDED)


def test_every_alert_says_how_bad_it_is_and_leads_to_its_entry_in_the_runbook():
    severities = re.findall(r"severity: (critical|warning|info)$", RULES, re.MULTILINE)
    assert len(severities) == len(ALERTS)
    assert set(severities) == {"critical", "warning", "info"}
    links = re.findall(r'runbook_url: "docs/runbook\.md#(\w+)"$', RULES, re.MULTILINE)
    assert links == [name.lower() for name in ALERTS]
    entries = re.split(r"^### ", RUNBOOK, flags=re.MULTILINE)[1:]
    assert [entry.splitlines()[0] for entry in entries] == ALERTS
    for entry in entries:
        assert re.findall(r"^- \*\*(\w+):\*\* \S", entry, re.MULTILINE) == ["Means", "Look", "Do"], entry


def test_the_runbook_names_commands_and_processes_that_there_are():
    commands = re.findall(r"`solquote ([\w-]+)", RUNBOOK)
    assert set(commands) - {command.name for command in COMMANDS} == set()
    processes = {name for names in re.findall(r"`solquote logs ([^`]+)`", RUNBOOK) for name in names.split()}
    assert processes - {service.name for service in SERVICES} == {NATS, "SERVICE", "CONSUMER"}


@pytest.mark.parametrize(
    "command",
    [
        "check config prometheus.yml",
        "check config with-mimir.yml",
        "check rules rules.yml",
        "test rules rules_test.yml",
    ],
)
def test_promtool_accepts_it(command: str):
    checked("promtool", "prometheus", *command.split(), folder=FOLDER)


def test_amtool_accepts_the_configuration():
    said = checked(
        "amtool", "prometheus-alertmanager", "check-config", "alertmanager.yml", folder=ROOT / "deploy" / "alertmanager"
    )
    assert "3 receivers" in said


@pytest.mark.parametrize(("severity", "receiver"), [("critical", "pager"), ("warning", "chat"), ("info", "log")])
def test_each_severity_has_somebody_who_is_told(severity: str, receiver: str):
    routes = ("config", "routes", "test", "--config.file=alertmanager.yml", f"severity={severity}")
    said = checked("amtool", "prometheus-alertmanager", *routes, folder=ROOT / "deploy" / "alertmanager")
    assert said.split() == [receiver]


def test_what_mutes_others_is_an_alert():
    configuration = (ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
    mutes = set(re.findall(r'muted_by="(\w+)"', configuration))
    assert mutes == set(re.findall(r"muted_by: (\w+)$", RULES, re.MULTILINE))
    assert mutes <= set(ALERTS)
