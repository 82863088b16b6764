"""Dashboards and rules on a running platform: nothing asks for what no process tells, and an alert reaches somebody."""

import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest
from fakes.asking_clients import ask_as_clients_do
from fakes.monitoring import (
    DEPLOY,
    TOKEN,
    Prometheus,
    Webhook,
    alertmanager_running,
    prometheus_running,
    webhook_listening,
)
from fakes.running_platform import RunningPlatform, solquote
from fakes.waiting import until

from solquote.processes import METRICS_PORT, SERVICES
from solquote.setting_models import settings_model

pytestmark = pytest.mark.integration

DEADLINE_S: Final = 180.0
"""Until everything was scraped a few times, on a machine that is busy."""
DASHBOARDS: Final = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
GRAFANA: Final = {"$__rate_interval": "10s", "$service": ".*"}
"""What Grafana puts in: four scrapes, and every process."""
SELECTOR: Final = re.compile(r"\b(?:(?:solquote|process|python_gc)[_:][\w:]+|up\b)(?:\{[^}]*\})?")


@dataclass(frozen=True)
class Watched:
    """A platform with all that looks after it."""

    prometheus: Prometheus
    webhook: Webhook


@pytest.fixture(scope="module")
def watched(client_platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("monitoring")
    (folder / "alerts").mkdir()
    with (
        webhook_listening() as webhook,
        alertmanager_running(folder / "alerts", webhook.server) as alertmanager,
        prometheus_running(folder, moved_targets(client_platform), alertmanager) as prometheus,
    ):
        yield Watched(prometheus, webhook)


def moved_targets(platform: RunningPlatform) -> Mapping[str, str]:
    """Where each process tells its metrics, by where it would on the ports that are delivered."""
    told = json.loads(solquote("services", "--json", data_dir=platform.data_dir).stdout)["services"]
    pages = {
        service["name"]: re.fullmatch(r"http://(\S+)/metrics", service["address"])[1]  # type: ignore[index]
        for service in told
        if service["protocol"] == "Prometheus"
    }
    return {
        f"127.0.0.1:{settings_model(service).model_fields[METRICS_PORT.field].default}": pages[service.name]
        for service in SERVICES
    }


def panel_queries(path: Path) -> Iterator[tuple[str, str]]:
    """Where it is shown, and what is asked."""
    for panel in json.loads(path.read_text())["panels"]:
        for target in panel.get("targets", []):
            promql = target["expr"]
            for name, put_in in GRAFANA.items():
                promql = promql.replace(name, put_in)
            yield f"{path.stem}: {panel['title']}: {target['legendFormat']}", promql


def until_each_returns_something(prometheus: Prometheus, queries: Mapping[str, str]) -> None:
    waiting = dict(queries)

    def none_waits() -> bool:
        for where in [where for where, promql in waiting.items() if prometheus.values(promql)]:
            del waiting[where]
        return not waiting

    try:
        until(none_waits, "each query returns something", deadline_s=DEADLINE_S)
    finally:
        assert waiting == {}


def test_every_process_is_scraped(client_platform: RunningPlatform, watched: Watched):
    until(
        lambda: len(watched.prometheus.values('up{job="solquote"} == 1')) == len(SERVICES),
        "all are up",
        deadline_s=DEADLINE_S,
    )
    assert {sample["metric"]["service"] for sample in watched.prometheus.values("up")} == {
        service.name for service in SERVICES
    }


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_has_something_to_show(client_platform: RunningPlatform, watched: Watched, path: Path):
    ask_as_clients_do(client_platform)
    queries = dict(panel_queries(path))
    assert len(queries) > 5
    until_each_returns_something(watched.prometheus, queries)


def test_what_is_recorded_has_values_and_what_alerts_ask_for_is_there(
    client_platform: RunningPlatform, watched: Watched
):
    ask_as_clients_do(client_platform)
    rules = watched.prometheus.rules()
    recorded = {rule["name"]: rule["name"] for rule in rules if rule["type"] == "recording"}
    inputs = {
        f"{rule['name']}: {selector}": selector
        for rule in rules
        if rule["type"] == "alerting"
        for selector in SELECTOR.findall(rule["query"])
    }
    assert len(recorded) > 5
    assert {where.partition(":")[0] for where in inputs} == {rule["name"] for rule in rules if "alerts" in rule}
    until_each_returns_something(watched.prometheus, recorded | inputs)
    assert {rule["name"]: rule["lastError"] for rule in watched.prometheus.rules() if rule["health"] == "err"} == {}


def test_a_stop_is_told_to_somebody(
    client_platform: RunningPlatform, watched: Watched, capsys: pytest.CaptureFixture[str]
):
    until(lambda: watched.prometheus.values("solquote_kill_switch_state"), "the switch is scraped")
    assert watched.webhook.named("TradingStopped") == []
    (mark,) = {mark["expr"] for path in DASHBOARDS for mark in json.loads(path.read_text())["annotations"]["list"]}
    stopped_unix_s = time.time()
    assert solquote("kill", "--reason", "a drill", data_dir=client_platform.data_dir).returncode == 0
    try:
        until(lambda: watched.webhook.named("TradingStopped"), "the webhook is told of the stop", deadline_s=DEADLINE_S)
        until(lambda: watched.prometheus.values(mark), "the stop is marked in the panels")
    finally:
        assert solquote("release", data_dir=client_platform.data_dir).returncode == 0
    told = watched.webhook.named("TradingStopped")[0]
    took_s = told.unix_s - datetime.fromisoformat(told.alert["startsAt"]).timestamp()
    with capsys.disabled():
        sys.stdout.write(f"\nthe webhook was told {took_s:.3f} s after the alert fired, ")
        sys.stdout.write(f"{told.unix_s - stopped_unix_s:.3f} s after trading was stopped\n")
    assert (told.path, told.authorization) == ("/critical", f"Bearer {TOKEN}")
    assert told.alert["labels"] | {"severity": "critical", "state": "halted"} == told.alert["labels"]
    assert told.alert["annotations"]["runbook_url"] == "docs/runbook.md#tradingstopped"
    client_platform.until(lambda: client_platform.switch.get("state") == "ACTIVE", seconds=60)
    until(lambda: watched.prometheus.values('solquote_kill_switch_state{state="active"} == 1'), "it trades again")
