"""Slack, Discord and Telegram: what each is posted keeps its published limits, and no text becomes markup."""

import re

import aiohttp
import pytest
from fakes.alerts import NOW_NS, alert
from fakes.fake_clock import FakeClock
from fakes.hook_server import hook_server
from hypothesis import given
from hypothesis import strategies as st

from pipeline.notifier.alert import Level
from pipeline.notifier.configured import open_destinations
from pipeline.notifier.destinations.discord import discord_content
from pipeline.notifier.destinations.slack import slack_content
from pipeline.notifier.destinations.telegram import telegram_content
from pipeline.notifier.settings import NotifierSettings
from pipeline.notifier.wording import Message, Wording, units

EVIL = "<!channel> & <https://evil.example|click> @everyone <@U1> **bold** `code` [x](https://evil.example) \\"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def message(*texts: str, unsaid_count: int = 0) -> Message:
    alerts = [alert(number, title=text[:900], text=text) for number, text in enumerate(texts, 1)]
    return Wording("desk").message(alerts, unsaid_count=unsaid_count)


async def test_each_posts_what_its_operator_documents_where_it_is_to():
    async with hook_server() as server, aiohttp.ClientSession() as session:
        settings = NotifierSettings.model_validate(
            {
                "slack_url": f"{server.url}/services/T0/B0/x",
                "discord_url": f"{server.url}/api/webhooks/1/x",
                "telegram_token": "123:abc",
                "telegram_chat": "@desk",
                "telegram_api": server.url,
            }
        )
        for destination in open_destinations(settings, session, clock=FakeClock()):
            await destination.send(message("equity fell"))
        assert [path for path, _ in server.posted] == [
            "/services/T0/B0/x",
            "/api/webhooks/1/x",
            "/bot123:abc/sendMessage",
        ]
        slack, discord, telegram = (content for _, content in server.posted)
    assert set(slack) == {"text", "blocks"}
    assert [block["type"] for block in slack["blocks"]] == ["header", "section"]
    assert slack["blocks"][1]["text"]["type"] == "plain_text"
    assert discord["allowed_mentions"] == {"parse": []}
    assert discord["embeds"][0]["color"] == 0xC0392B
    assert telegram["chat_id"] == "@desk"
    assert "parse_mode" not in telegram
    assert telegram["text"].startswith("[critical] equity fell (desk)\n\n#1 critical, open: equity fell\n")


def test_nothing_in_a_text_is_markup():
    evil = message(EVIL)
    slack = slack_content(evil)
    assert "<" not in slack["text"]
    assert "&lt;!channel&gt; &amp; &lt;" in slack["text"]
    assert all(block["text"]["type"] == "plain_text" for block in slack["blocks"])
    description = discord_content(evil)["embeds"][0]["description"]
    assert re.search(r"(?<!\\)(?:\\\\)*[*_`<>@\[\]()|~#]", description) is None
    assert EVIL in telegram_content(evil, chat="1")["text"]


@pytest.mark.parametrize("text", ["x" * 9_000, "*" * 9_000, "\\" * 9_000, "😀" * 5_000, "&<>" * 3_000])
@pytest.mark.parametrize("count", [1, 20])
def test_limits_are_kept(text: str, count: int):
    check_limits(message(*[text] * count, unsaid_count=3))


@given(st.lists(TEXTS, min_size=1, max_size=20), st.integers(0, 500), st.integers(1, 400))
def test_limits_are_kept_whatever_is_said(texts: list[str], unsaid_count: int, repeated: int):
    check_limits(message(*(text * repeated for text in texts), unsaid_count=unsaid_count))


def check_limits(said: Message) -> None:
    slack = slack_content(said)
    assert len(slack["blocks"]) <= 50
    assert 1 <= units(slack["blocks"][0]["text"]["text"]) <= 150
    assert all(1 <= units(block["text"]["text"]) <= 3_000 for block in slack["blocks"])
    (embed,) = discord_content(said)["embeds"]
    assert 1 <= units(embed["title"]) <= 256
    assert 1 <= units(embed["description"]) <= 4_096
    assert units(embed["title"] + embed["description"]) <= 6_000
    assert re.search(r"(?<!\\)(?:\\\\)*\\…$", embed["description"]) is None
    assert 1 <= units(telegram_content(said, chat="1")["text"]) <= 4_096


def test_what_there_is_no_room_for_is_counted():
    assert "and 3 more" in slack_content(message("x", unsaid_count=3))["blocks"][-1]["text"]["text"]
    assert "and 3 more" in telegram_content(message("x", unsaid_count=3), chat="1")["text"]


@pytest.mark.parametrize(("level", "colour"), [(Level.INFO, 0x2874A6), (Level.WARNING, 0xD68910)])
def test_discord_shows_the_level_as_a_colour(level: Level, colour: int):
    said = Wording("desk").message([alert(level=level, ended_unix_ns=NOW_NS)])
    assert discord_content(said)["embeds"][0]["color"] == colour
