"""The notifier as a process, against a real NATS, a real mail server and real webhooks."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fakes.embedded_nats import embedded_nats
from fakes.hook_server import HookServer, hook_server
from fakes.mail_box import MailBox, mail_box
from fakes.nats_server import NatsServer
from fakes.pipeline_events import health_report, kill_switch
from fakes.pipeline_process import Child, pipeline_process, until
from fakes.ports import HOST, free_port
from fakes.waiting import eventually

from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from pipeline.notifier.alert import Alert
from pipeline.notifier.book_file import Kept, kept_alerts
from quote_core.bus import Bus, BusRole, connect, connection
from quote_core.events import KILL_SWITCH_HEARTBEAT, ServiceHealth, TradingState

pytestmark = pytest.mark.integration

SLACK_SECRET = "T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
TELEGRAM_SECRET = "123456:AAbbCCddEEffGGhhIIjj"
PAGERDUTY_SECRET = "0123456789abcdef0123456789abcdef"
HALTED = replace(
    kill_switch(TradingState.HALTED), trigger="drawdown", actor="rule drawdown", reason="equity fell by 11 %"
)
ACTIVE = kill_switch(TradingState.ACTIVE, 2, changed_unix_ns=2)


def environment(folder: Path, nats_url: str, **notifier: str) -> dict[str, str]:
    return {
        "SOLQUOTE_NATS_URL": nats_url,
        "SOLQUOTE_DATA_DIR": str(folder / "data"),
        "SOLQUOTE_NOTIFIER_METRICS_PORT": "0",
        "SOLQUOTE_NOTIFIER_NAME": "desk",
        **{f"SOLQUOTE_NOTIFIER_{name}": value for name, value in notifier.items()},
    }


def everywhere(folder: Path, hooks: HookServer, box: MailBox) -> dict[str, str]:
    """All five destinations; one secret in a file."""
    token = folder / "telegram-token"
    token.write_text(TELEGRAM_SECRET + "\n")
    token.chmod(0o600)
    return {
        "SMTP_HOST": HOST,
        "SMTP_PORT": str(box.port),
        "SMTP_SECURITY": "none",
        "SMTP_SENDER": "solquote@example.org",
        "SMTP_RECIPIENTS": "a@example.org",
        "SLACK_URL": f"{hooks.url}/services/{SLACK_SECRET}",
        "DISCORD_URL": f"{hooks.url}/api/webhooks/1/x",
        "TELEGRAM_TOKEN_FILE": str(token),
        "TELEGRAM_CHAT": "-1001",
        "TELEGRAM_API": hooks.url,
        "PAGERDUTY_KEY": PAGERDUTY_SECRET,
        "PAGERDUTY_URL": f"{hooks.url}/v2/enqueue",
    }


@contextlib.asynccontextmanager
async def notifier(folder: Path, environ: Mapping[str, str]) -> AsyncIterator[Child]:
    async with pipeline_process("notifier", folder, environ) as child:
        yield child


def kept(folder: Path) -> Kept:
    return kept_alerts(folder / "data" / "notifier")


def of_events(folder: Path) -> list[Alert]:
    """Without those of processes."""
    return [one for one in kept(folder).alerts if not one.key.startswith("start:")]


async def solquote(environ: Mapping[str, str], *arguments: str) -> tuple[int | None, str, str]:
    """Exit code, answer and errors; beside this loop, which serves what the notifier asks."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "solquote",
        *arguments,
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    answer, errors = await process.communicate()
    return process.returncode, answer.decode(), errors.decode()


def slack_texts(hooks: HookServer) -> list[str]:
    return [str(content["text"]) for content in hooks.contents("/services/")]


def pagerduty_actions(hooks: HookServer) -> list[Any]:
    return [content["event_action"] for content in hooks.contents("/v2/")]


async def test_a_halt_and_its_release_reach_every_destination_and_no_secret_is_seen(
    bus: Bus, nats_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reports: list[ServiceHealth] = []
    await bus.listen("metrics.>", lambda event: reports.append(event) if isinstance(event, ServiceHealth) else None)
    async with hook_server() as hooks, mail_box() as box:
        environ = environment(tmp_path, nats_url, **everywhere(tmp_path, hooks, box)) | {"SOLQUOTE_LOG_LEVEL": "debug"}
        async with notifier(tmp_path, environ) as child:
            await until(child.is_ready)
            await bus.publish(HALTED)
            await eventually(lambda: len(hooks.posted) == 4 and len(box.mails) == 1)
            assert slack_texts(hooks) == ["[critical] Trading is HALTED: drawdown (desk)"]
            assert "By rule drawdown: equity fell by 11 %" in hooks.contents("/bot")[0]["text"]
            assert "By rule drawdown: equity fell by 11 %" in box.mails[0].get_content()
            assert pagerduty_actions(hooks) == ["trigger"]
            await bus.publish(replace(HALTED, revision=2))  # written again, as the latch does every day
            await bus.publish(ACTIVE)
            await eventually(lambda: len(hooks.posted) == 8 and len(box.mails) == 2)
            assert slack_texts(hooks)[1:] == ["[critical] over: Trading is HALTED: drawdown (desk)"]
            assert pagerduty_actions(hooks) == ["trigger", "resolve"]
            assert len({content["dedup_key"] for content in hooks.contents("/v2/")}) == 1
            await eventually(lambda: bool(reports))
            pid = child.process.pid
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
            assert await child.code_on_sigterm(seconds=20) == 0
        told = "".join([*child.lines, *capfd.readouterr(), arguments, *(report.detail for report in reports)])
        told += (tmp_path / "data" / "notifier" / "alerts.json").read_text()
        for secret in (SLACK_SECRET, TELEGRAM_SECRET, PAGERDUTY_SECRET):
            assert secret not in told


async def test_killed_with_a_message_untold_it_tells_it_and_repeats_nothing_that_was_told(
    bus: Bus, nats_url: str, tmp_path: Path
) -> None:
    async with hook_server() as hooks:
        environ = environment(tmp_path, nats_url, SLACK_URL=f"{hooks.url}/services/x")
        async with notifier(tmp_path, environ) as child:
            await until(child.is_ready)
            await bus.publish(HALTED)
            await eventually(lambda: len(slack_texts(hooks)) == 1)
            await until(lambda: any(one.told for one in kept(tmp_path).alerts))
            hooks.refuses_always = 500
            await bus.publish_bytes("dead.PLANNED.executor", b"x", {"Solquote-Reason": "gave up"})
            await until(lambda: len(of_events(tmp_path)) == 2)
            child.process.kill()
            await child.process.wait()
        await bus.publish(ACTIVE)  # while it is away
        hooks.refuses_always = 0
        async with notifier(tmp_path, environ):
            await eventually(lambda: len(of_events(tmp_path)) == 2 and all(one.told for one in of_events(tmp_path)))
            await eventually(lambda: any("over: Trading" in text for text in told(hooks)))
        texts = told(hooks)
        assert [text for text in texts if "open: Trading is HALTED" in text] == texts[:1]
        assert sum("A dead letter on dead.PLANNED.executor\ngave up" in text for text in texts) == 1


async def test_what_happens_while_it_is_away_is_told_also_when_it_had_heard_nothing_before(
    bus: Bus, nats_url: str, tmp_path: Path
) -> None:
    await bus.publish_bytes("dead.PLANNED.executor", b"x", {"Solquote-Reason": "of before the first start"})
    async with hook_server() as hooks:
        environ = environment(tmp_path, nats_url, SLACK_URL=f"{hooks.url}/services/x")
        async with notifier(tmp_path, environ) as child:
            await until(lambda: len(kept(tmp_path).places) == 2)
            assert await child.code_on_sigterm(seconds=20) == 0
        await bus.publish_bytes("dead.PLANNED.executor", b"x", {"Solquote-Reason": "gave up"})
        async with notifier(tmp_path, environ):
            await eventually(lambda: told(hooks) != [])
        (text,) = told(hooks)
        assert "gave up" in text
        assert "seen once" in text


async def test_a_flood_of_dead_letters_is_one_alert_and_one_message(bus: Bus, nats_url: str, tmp_path: Path) -> None:
    async with hook_server() as hooks:
        environ = environment(tmp_path, nats_url, SLACK_URL=f"{hooks.url}/services/x")
        async with notifier(tmp_path, environ):
            await until(lambda: len(kept(tmp_path).places) == 2)
            letters = (bus.publish_bytes("dead.PLANNED.executor", b"x" * 2_000, {}) for _ in range(500))
            await asyncio.gather(*letters)
            await until(lambda: [one.count for one in kept(tmp_path).alerts] == [500])
            await bus.publish(HALTED)  # what comes after is told at once
            await eventually(lambda: any("HALTED" in text for text in slack_texts(hooks)))
        assert len([text for text in slack_texts(hooks) if "A dead letter" in text]) == 1


async def test_a_switch_that_is_latched_at_the_first_start_is_told(bus: Bus, nats_url: str, tmp_path: Path) -> None:
    await bus.publish(HALTED)
    async with (
        hook_server() as hooks,
        notifier(tmp_path, environment(tmp_path, nats_url, SLACK_URL=f"{hooks.url}/services/x")),
    ):
        await eventually(lambda: slack_texts(hooks) == ["[critical] Trading is HALTED: drawdown (desk)"])


def told(hooks: HookServer) -> list[str]:
    """Every alert as Slack was told it, but of the notifier's own starts."""
    blocks = [block["text"]["text"] for content in hooks.contents("/services/") for block in content["blocks"]]
    titles = slack_texts(hooks)
    texts = [text for text in blocks if text not in titles] + [text for text in titles if "over: " in text]
    return [text for text in texts if "notifier has started" not in text]


async def test_a_destination_that_is_down_is_told_by_the_others_and_holds_up_none(
    bus: Bus, nats_url: str, tmp_path: Path
) -> None:
    async with hook_server() as hooks:
        nowhere = f"http://{HOST}:{free_port()}/api/webhooks/1/secret-of-discord"
        environ = environment(
            tmp_path,
            nats_url,
            SLACK_URL=f"{hooks.url}/services/x",
            DISCORD_URL=nowhere,
            GROUP_WAIT="0s",
            UNWELL_AFTER="0s",
        )
        async with notifier(tmp_path, environ) as child:
            await until(child.is_ready)
            await bus.publish(HALTED)
            await eventually(lambda: len(slack_texts(hooks)) >= 1)
            await until(lambda: child.said("discord takes no message: cannot be reached"))
            await eventually(lambda: any("notifier reports a trouble" in text for text in slack_texts(hooks)))
            assert child.process.returncode is None
        assert "secret-of-discord" not in json.dumps(hooks.posted) + "".join(child.lines)


async def test_an_alert_that_one_destination_never_takes_is_set_aside_and_the_next_is_told(
    bus: Bus, nats_url: str, tmp_path: Path
) -> None:
    async with hook_server() as hooks:
        hooks.refuses_content = ("/api/", "a word that is refused")
        urls = {"SLACK_URL": f"{hooks.url}/services/x", "DISCORD_URL": f"{hooks.url}/api/webhooks/1/x"}
        environ = environment(tmp_path, nats_url, **urls, GROUP_WAIT="0s", REFUSALS_MAX="2")
        async with notifier(tmp_path, environ) as child:
            await until(child.is_ready)
            await bus.publish(replace(HALTED, reason="a word that is refused"))
            await eventually(lambda: any("discord does not take alert" in text for text in slack_texts(hooks)))
            await bus.publish(ACTIVE)
            await eventually(lambda: "Trading is ACTIVE" in json.dumps(hooks.contents("/api/")))
        assert "is refused" not in json.dumps(hooks.contents("/api/"))


async def test_silent_processes_and_a_bus_that_is_away_are_told_and_their_return(
    nats_server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    async with hook_server() as hooks:
        environ = environment(
            tmp_path, nats_server.url, SLACK_URL=f"{hooks.url}/services/x", SILENCE_MAX="3s", SETTLE="1s"
        )
        async with notifier(tmp_path, environ) as child:
            await until(child.is_ready)
            await bus.publish(health_report(service="planner"))
            await eventually(lambda: any("planner is silent" in text for text in slack_texts(hooks)))
            nats_server.stop()
            await eventually(lambda: any("cannot reach NATS" in text for text in slack_texts(hooks)))
            nats_server.start()
            await eventually(lambda: any("over: The notifier cannot reach NATS" in one for one in slack_texts(hooks)))
            assert child.process.returncode is None


async def test_an_alert_nobody_acknowledges_escalates_until_somebody_does(
    bus: Bus, nats_url: str, tmp_path: Path
) -> None:
    async with hook_server() as hooks:
        environ = environment(
            tmp_path,
            nats_url,
            SLACK_URL=f"{hooks.url}/services/x",
            PAGERDUTY_KEY=PAGERDUTY_SECRET,
            PAGERDUTY_URL=f"{hooks.url}/v2/enqueue",
            PAGERDUTY_LEVEL="escalated",
            ESCALATE_AFTER="500ms",
            ESCALATION_COUNT_MAX="100",
        )
        async with notifier(tmp_path, environ) as child:
            await until(child.is_ready)
            await bus.publish(HALTED)
            await eventually(lambda: pagerduty_actions(hooks) != [])
            assert len(slack_texts(hooks)) >= 1
            code, answer, errors = await solquote(environ, "alerts", "ack", "1", "--timeout", "60", "--json")
            assert (code, json.loads(answer)) == (0, {"acknowledged": [1], "waiting": []}), errors
            await eventually(lambda: pagerduty_actions(hooks)[-1] == "acknowledge")
            listed = json.loads((await solquote(environ, "alerts", "list", "--json"))[1])["alerts"]
            assert [(one["number"], one["state"]) for one in listed] == [(1, "acknowledged")]
            assert listed[0]["acknowledgedBy"]
        assert (await solquote(environ, "alerts", "ack", "1", "--timeout", "0"))[0] == 3  # nobody hears it now
        code, _, errors = await solquote(environ, "alerts", "ack", "7")
        assert code == 2
        assert "there is no alert 7" in errors


async def test_a_test_message_goes_to_every_destination_and_says_which_took_none(tmp_path: Path) -> None:
    async with hook_server() as hooks, mail_box() as box:
        environ = environment(tmp_path, "nats://127.0.0.1:1", **everywhere(tmp_path, hooks, box))
        (tmp_path / "data").mkdir()
        code, said, errors = await solquote(environ, "alerts", "test", "--json")
        assert code == 0, errors
        outcomes = {one["name"]: one["taken"] for one in json.loads(said)["destinations"]}
        assert outcomes == dict.fromkeys(("smtp", "slack", "discord", "telegram", "pagerduty"), True)
        assert len(box.mails) == 1
        assert pagerduty_actions(hooks) == ["trigger", "resolve"]
        hooks.refuses_always = 403
        code, said, _ = await solquote(environ, "alerts", "test", "--json")
        assert code == 1
        reasons = {one["name"]: one["reason"] for one in json.loads(said)["destinations"]}
        assert reasons == {"smtp": "", **dict.fromkeys(("slack", "discord", "telegram", "pagerduty"), "answered 403")}


async def test_without_a_destination_it_says_what_may_be_set(
    nats_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with notifier(tmp_path, environment(tmp_path, nats_url)) as child:
        assert await child.process.wait() == 2
    assert "no destination is set" in capfd.readouterr().err


async def test_a_second_one_with_the_same_folder_is_refused(
    bus: Bus, nats_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with hook_server() as hooks:
        environ = environment(tmp_path, nats_url, SLACK_URL=f"{hooks.url}/services/x")
        async with notifier(tmp_path, environ) as child:
            await until(child.is_ready)
            (tmp_path / "second").mkdir()
            async with notifier(tmp_path / "second", environ) as second:
                assert await second.process.wait() == 1
            assert child.process.returncode is None
    assert "another notifier runs with" in capfd.readouterr().err


async def test_on_the_embedded_server_its_own_user_is_enough_and_its_metrics_tell_what_it_does(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PUBLISH_TIMEOUT_S", 10.0)  # a busy disk keeps the server from answering sooner
    (tmp_path / "data").mkdir()
    port = free_port()
    async with embedded_nats(tmp_path / "data") as server, hook_server() as hooks:
        environ = environment(tmp_path, server.url, SLACK_URL=f"{hooks.url}/services/x", METRICS_PORT=str(port))
        async with connect(server.url, name="test", access=server.access(BusRole.INITIALIZER)) as maker:
            await repair(maker, STREAMS)
        async with (
            notifier(tmp_path, environ) as child,
            connect(server.url, name="test", access=server.access(BusRole.SYSTEM_MANAGER)) as manager,
        ):
            await until(child.is_ready)
            await manager.push(ACTIVE, subject=KILL_SWITCH_HEARTBEAT)
            await manager.publish(HALTED)
            await eventually(lambda: len(slack_texts(hooks)) == 1)
            await until(lambda: child.said("1 alerts open"))
            async with aiohttp.ClientSession() as session, session.get(f"http://{HOST}:{port}/metrics") as response:
                page = await response.text()
            assert 'solquote_notifier_sent_total{destination="slack"} 1.0' in page
            assert 'solquote_notifier_alerts{state="open"} 1.0' in page
            assert 'solquote_notifier_failing_seconds{destination="slack"} 0.0' in page
            assert await child.code_on_sigterm(seconds=20) == 0
    assert "may not" not in capfd.readouterr().err
