"""What the notifier's settings refuse, and that they show no secret."""

from pathlib import Path

import aiohttp
import pytest
from fakes.fake_clock import FakeClock

from pipeline.notifier.alert import Level
from pipeline.notifier.configured import book_rules, open_destinations, quiet_hours_of
from pipeline.notifier.settings import NotifierSettings
from quote_core.settings import SettingsError

PREFIX = "SOLQUOTE_NOTIFIER_"
MAIL = {"SMTP_HOST": "mail.example", "SMTP_SENDER": "solquote@example.org", "SMTP_RECIPIENTS": "a@example.org, b@c.org"}


def settings(**given: str) -> NotifierSettings:
    return NotifierSettings.load(environ={PREFIX + name: value for name, value in given.items()})


async def names(given: NotifierSettings) -> dict[str, Level]:
    async with aiohttp.ClientSession() as session:
        return dict(book_rules(given, open_destinations(given, session, clock=FakeClock())).thresholds)


def secret_file(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


async def test_every_destination_by_environment_and_by_file(tmp_path: Path):
    given = settings(
        **MAIL,
        SLACK_URL="https://hooks.example/services/T0/B0/secret",
        DISCORD_URL_FILE=secret_file(tmp_path, "https://discord.example/api/webhooks/1/secret\n"),
        TELEGRAM_TOKEN="123:secret",
        TELEGRAM_CHAT="-100123",
        PAGERDUTY_KEY="0123456789abcdef0123456789abcdef",
        PAGERDUTY_LEVEL="escalated",
    )
    assert await names(given) == {
        "smtp": Level.WARNING,
        "slack": Level.INFO,
        "discord": Level.INFO,
        "telegram": Level.WARNING,
        "pagerduty": Level.ESCALATED,
    }
    assert given.smtp_recipients == ("a@example.org", "b@c.org")
    assert "T0/B0" not in repr(given)
    assert "123:secret" not in repr(given)


async def test_without_any_it_says_what_may_be_set():
    with pytest.raises(SettingsError, match="no destination is set"):
        await names(settings())


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"SMTP_HOST": "mail.example"}, "smtp_sender and smtp_recipients must be"),
        ({**MAIL, "SMTP_USER": "me", "SMTP_SECURITY": "none"}, "pass in plain text"),
        ({**MAIL, "SMTP_SENDER": "me\r\nBcc: x@y.z"}, "must be an address"),
        ({"TELEGRAM_CHAT": "my chat"}, "pattern"),
        ({"QUIET_HOURS": "10pm"}, "22:00-07:00"),
        ({"QUIET_ZONE": "Mars/Olympus"}, "time zone"),
        ({"QUIET_ZONE": "../../etc/passwd"}, "time zone"),
        ({"TITLE_TEMPLATE": "$state"}, "no field"),
        ({"ALERT_TEMPLATE": "$"}, "begins no field"),
        ({"SLACK_LEVEL": "loud"}, "info"),
        ({"MESSAGES_PER_MINUTE": "1"}, "greater than"),
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, str], rule: str):
    with pytest.raises(SettingsError, match=rule):
        settings(**given)


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"TELEGRAM_TOKEN": "1:x"}, "telegram_chat must be"),
        ({"SLACK_URL": "https://x/a", "SLACK_URL_FILE": "/x"}, "set one"),
    ],
)
async def test_a_destination_that_is_set_by_half_or_twice_is_refused(given: dict[str, str], rule: str):
    with pytest.raises(SettingsError, match=rule):
        await names(settings(**given))


async def test_a_password_that_is_missing_is_asked_for():
    with pytest.raises(SettingsError, match="smtp_password_file must be"):
        await names(settings(**MAIL, SMTP_USER="me"))


async def test_a_secret_that_is_no_url_is_not_shown():
    with pytest.raises(SettingsError, match="SOLQUOTE_NOTIFIER_SLACK_URL: must be a URL") as refused:
        await names(settings(SLACK_URL="hooks.example/very-secret"))
    assert "very-secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "mode", "rule"),
    [("https://x/y", 0o644, "others may read it"), ("", 0o600, "one line"), ("a\nb", 0o600, "one line")],
)
async def test_a_file_that_others_may_read_or_that_holds_no_line_is_refused(
    tmp_path: Path, text: str, mode: int, rule: str
):
    with pytest.raises(SettingsError, match=rule):
        await names(settings(SLACK_URL_FILE=secret_file(tmp_path, text, mode)))


async def test_a_file_that_is_not_there_is_told_by_its_name(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"PAGERDUTY_KEY_FILE: .*nowhere: No such file"):
        await names(settings(PAGERDUTY_KEY_FILE=str(tmp_path / "nowhere")))


def test_quiet_hours_are_in_their_zone():
    hours = quiet_hours_of(settings(QUIET_HOURS="22:00-07:00", QUIET_ZONE="Asia/Tokyo"))
    assert hours is not None
    assert str(hours.zone) == "Asia/Tokyo"
    assert quiet_hours_of(settings()) is None
