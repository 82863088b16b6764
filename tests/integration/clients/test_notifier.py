"""The notifier of a running platform: what people are told, that it outlives it, and that no secret is seen."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from fakes.hook_server import HookServer
from fakes.running_platform import RunningPlatform, solquote
from fakes.waiting import until

pytestmark = pytest.mark.integration

WAIT_S: Final = 120.0
SECRET: Final = "XXXXXXXXXXXXXXXXXXXXXXXX"
"""The last part of the webhook's address."""


def sections(hooks: HookServer) -> list[str]:
    """Every alert as it was told."""
    return [block["text"]["text"] for content in hooks.contents("/services/") for block in content["blocks"][1:]]


def switch_alert(platform: RunningPlatform) -> dict[str, Any]:
    """The newest one of the kill switch; none is nothing."""
    listed = solquote("alerts", "list", "--json", data_dir=platform.data_dir).stdout
    found = [one for one in json.loads(listed)["alerts"] if one["key"] == "kill_switch"]
    return max(found, key=lambda one: int(one["number"]), default={})


def test_killed_again_and_again_it_tells_of_a_stop_and_of_its_release_once(
    client_platform: RunningPlatform, hooks: HookServer
):
    reason = "a drill of the notifier"
    folder = client_platform.data_dir

    def told(number: int) -> list[str]:
        """How the alert stood each time that it was told."""
        texts = [text.partition("critical, ")[2] for text in sections(hooks) if text.startswith(f"#{number} ")]
        return [text.partition(":")[0] for text in texts]

    def kill_it() -> None:
        old_pid = client_platform.pids()["notifier"]
        client_platform.kill("notifier")
        client_platform.until_back("notifier", old_pid=old_pid, seconds=WAIT_S)

    assert solquote("kill", "--reason", reason, data_dir=folder).returncode == 0
    try:
        # That it was told is written down a little later; what dies before that tells it again.
        until(
            lambda: reason in (alert := switch_alert(client_platform)).get("text", "") and alert["told"] == ["slack"],
            "the stop is told",
            deadline_s=WAIT_S,
        )
        number = switch_alert(client_platform)["number"]
        kill_it()
        kill_it()
        acknowledged = solquote("alerts", "ack", str(number), "--timeout", "60", data_dir=folder)
        assert (acknowledged.returncode, acknowledged.stderr) == (0, "")
        until(lambda: switch_alert(client_platform)["told"] == ["slack"], "that is told, too", deadline_s=WAIT_S)
        kill_it()
    finally:
        assert solquote("release", data_dir=folder).returncode == 0
        client_platform.until(lambda: client_platform.switch.get("state") == "ACTIVE", seconds=60)
    until(lambda: "over" in told(number), "the release is told", deadline_s=WAIT_S)
    assert told(number) == ["open", "acknowledged", "over"]


def test_the_webhook_is_seen_in_no_log_argument_or_answer(client_platform: RunningPlatform, hooks: HookServer):
    folder = client_platform.data_dir
    until((folder / "notifier" / "alerts.json").exists, "it has written", deadline_s=WAIT_S)
    environ = {"SOLQUOTE_NOTIFIER_SLACK_URL": f"{hooks.url}/services/T00000000/B00000000/{SECRET}"}
    commands = ("status --json", "services --json", "alerts list --json", "alerts test", "doctor", "settings", "logs")
    ended = [solquote(*command.split(), data_dir=folder, environ=environ) for command in commands]
    assert "slack: taken\n" in [one.stdout for one in ended]
    shown = [one.stdout + one.stderr for one in ended]
    files = (*(folder / "logs").iterdir(), folder / "up.json", *(folder / "notifier").iterdir())
    shown += [path.read_text() for path in files if path.is_file()]
    shown += [Path(f"/proc/{pid}/cmdline").read_text() for pid in client_platform.pids().values()]
    assert not [text for text in shown if SECRET in text]
