"""Who the delivered Alertmanager tells, and what it keeps to itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.monitoring import TOKEN, Server, Webhook, alertmanager_running, webhook_listening
from fakes.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with webhook_listening() as listening:
        yield listening


@pytest.fixture
def alertmanager(webhook: Webhook, tmp_path: Path) -> Iterator[Server]:
    with alertmanager_running(tmp_path, webhook.server) as running:
        yield running


def until_muted(alertmanager: Server, expected: dict[str, bool], *fired: dict[str, str]) -> None:
    """Wait until exactly those are kept back that should be; Alertmanager learns of what mutes by and by."""
    alertmanager.ask("/api/v2/alerts", body=[{"labels": labels} for labels in fired])
    seen: dict[str, bool] = {}

    def are_as_expected() -> bool:
        seen.clear()
        for alert in alertmanager.ask("/api/v2/alerts"):
            seen[alert["labels"]["alertname"]] = bool(alert["status"]["inhibitedBy"])
        return seen == expected

    try:
        until(are_as_expected, "muted as expected")
    finally:
        assert seen == expected


def test_what_is_critical_mutes_the_warnings_of_its_process_alone(alertmanager: Server):
    until_muted(
        alertmanager,
        {"ProcessDown": False, "WorkFails": True, "EventLoopLate": False, "ProcessRestarted": False, "BusLost": False},
        {"alertname": "ProcessDown", "severity": "critical", "service": "planner", "instance": "127.0.0.1:9110"},
        {"alertname": "WorkFails", "severity": "warning", "service": "planner"},
        {"alertname": "EventLoopLate", "severity": "warning", "service": "scanner"},
        {"alertname": "ProcessRestarted", "severity": "info", "service": "planner"},
        {"alertname": "BusLost", "severity": "critical", "service": "planner"},
    )


def test_a_stop_mutes_what_is_its_consequence(alertmanager: Server):
    until_muted(
        alertmanager,
        {"TradingStopped": False, "GateClosed": True, "RuleTripped": False},
        {"alertname": "TradingStopped", "severity": "critical", "service": "system_manager"},
        {"alertname": "GateClosed", "severity": "warning", "service": "scanner", "muted_by": "TradingStopped"},
        {"alertname": "RuleTripped", "severity": "info", "service": "system_manager"},
    )


def test_what_is_critical_is_told_at_once_and_who_tells_it_is_proven(alertmanager: Server, webhook: Webhook):
    labels = {"alertname": "TradingStopped", "severity": "critical", "service": "system_manager"}
    alertmanager.ask("/api/v2/alerts", body=[{"labels": labels}])
    until(lambda: webhook.told, "the webhook is told")
    (told,) = webhook.told
    assert (told.path, told.authorization, told.alert["labels"]) == ("/critical", f"Bearer {TOKEN}", labels)
