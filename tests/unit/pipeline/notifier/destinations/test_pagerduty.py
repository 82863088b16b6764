"""PagerDuty's Events API v2."""

import aiohttp
import pytest
from fakes.alerts import NOW_NS, alert
from fakes.fake_clock import FakeClock
from fakes.hook_server import hook_server
from pydantic import SecretStr

from pipeline.notifier.alert import Alert, Level
from pipeline.notifier.configured import open_destinations
from pipeline.notifier.destinations.pagerduty import pagerduty_events
from pipeline.notifier.settings import NotifierSettings
from pipeline.notifier.wording import Wording

KEY = SecretStr("0123456789abcdef0123456789abcdef")


def events(*alerts: Alert) -> list[dict[str, object]]:
    return [dict(one) for one in pagerduty_events(Wording("desk").message(alerts), routing_key=KEY, name="pagerduty")]


def actions(one: Alert) -> list[object]:
    return [event["event_action"] for event in events(one)]


async def test_an_alert_opens_an_incident_as_documented():
    async with hook_server() as server, aiohttp.ClientSession() as session:
        settings = NotifierSettings.model_validate(
            {"pagerduty_key": KEY.get_secret_value(), "pagerduty_url": f"{server.url}/v2/enqueue"}
        )
        (pagerduty,) = open_destinations(settings, session, clock=FakeClock())
        one = alert(17, key="kill_switch", count=3)
        await pagerduty.send(Wording("desk").message([one]))
        assert server.contents("/v2/enqueue") == [
            {
                "routing_key": KEY.get_secret_value(),
                "dedup_key": f"solquote-{one.identity}",
                "event_action": "trigger",
                "payload": {
                    "summary": "Trading is HALTED: drawdown",
                    "source": "desk",
                    "severity": "critical",
                    "timestamp": "2023-11-14T22:13:20.000+00:00",
                    "component": "solquote",
                    "class": "kill_switch",
                    "custom_details": {"number": 17, "count": 3, "text": Wording("desk").message([one]).parts[0]},
                },
            }
        ]


def test_an_acknowledgement_and_an_end_are_told_of_the_same_incident():
    heard = {"pagerduty": 1}
    assert actions(alert(told=heard)) == ["trigger"]
    assert actions(alert(told=heard, escalation_count=1)) == ["trigger"]
    assert actions(alert(told=heard, acknowledged_by="alice")) == ["acknowledge"]
    assert actions(alert(told=heard, ended_unix_ns=NOW_NS)) == ["resolve"]
    assert len({str(event["dedup_key"]) for event in events(alert(), alert(acknowledged_by="x"))}) == 1


def test_what_it_has_never_heard_of_is_opened_first():
    assert actions(alert(ended_unix_ns=NOW_NS)) == ["trigger", "resolve"]
    assert actions(alert(acknowledged_by="alice", told={"slack": 3})) == ["trigger", "acknowledge"]


@pytest.mark.parametrize(("level", "severity"), [(Level.INFO, "info"), (Level.WARNING, "warning")])
def test_limits_and_severities(level: Level, severity: str):
    long = alert(level=level, title="😀" * 2_000, text="x" * 90_000)
    (event,) = pagerduty_events(Wording("n" * 900).message([long]), routing_key=KEY, name="pagerduty")
    payload = event["payload"]
    assert payload["severity"] == severity
    assert len(payload["summary"]) <= 1_024
    assert len(payload["source"]) <= 255
    assert len(event["dedup_key"]) <= 255
    assert len(payload["custom_details"]["text"]) <= 4_096
