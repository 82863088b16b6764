"""The destinations that the settings name, with their secrets, and how they are told."""

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import aiohttp
from pydantic import SecretStr

from pipeline.notifier.alert import Level
from pipeline.notifier.book import BookRules
from pipeline.notifier.destinations.base import Destination
from pipeline.notifier.destinations.discord import Discord
from pipeline.notifier.destinations.mail import Mail, MailServer
from pipeline.notifier.destinations.pagerduty import PagerDuty
from pipeline.notifier.destinations.slack import Slack
from pipeline.notifier.destinations.telegram import Telegram, asked_in_body, telegram_url
from pipeline.notifier.destinations.webhook import Webhook
from pipeline.notifier.quiet_hours import QuietHours
from pipeline.notifier.settings import NotifierSettings
from pipeline.notifier.wording import Wording
from quote_core.addresses import is_url
from quote_core.clock import Clock
from quote_core.files import NotOwnersAlone, read_owners_alone
from quote_core.setting_secrets import parts_of_secret
from quote_core.settings import SettingsError, environment_name
from quote_core.telemetry.logs import hide

__all__ = ["book_rules", "open_destinations", "quiet_hours_of", "wording_of"]

_SECRET_BYTES_MAX: Final = 4_096


def open_destinations(settings: NotifierSettings, session: aiohttp.ClientSession, *, clock: Clock) -> list[Destination]:
    """Every destination that is set; its secrets are masked in all that is logged from now on.

    Raises:
        SettingsError: A secret cannot be read or used, or no destination is set.
    """
    found = list(_destinations(settings, session, clock))
    if not found:
        raise SettingsError(
            ["no destination is set: smtp_host, slack_url, discord_url, telegram_token or pagerduty_key of [notifier]"]
        )
    return found


def book_rules(settings: NotifierSettings, destinations: list[Destination]) -> BookRules:
    """How alerts are told to these."""
    return BookRules(
        thresholds={one.name: Level[getattr(settings, f"{one.name}_level").upper()] for one in destinations},
        group_wait_ns=settings.group_wait,
        repeat_after_ns=settings.repeat_after,
        escalate_after_ns=settings.escalate_after,
        escalation_count_max=settings.escalation_count_max,
    )


def wording_of(settings: NotifierSettings) -> Wording:
    """How alerts are put into words."""
    return Wording(settings.name or socket.gethostname(), settings.title_template, settings.alert_template)


def quiet_hours_of(settings: NotifierSettings) -> QuietHours | None:
    """The quiet hours; None when there are none."""
    if not settings.quiet_hours:
        return None
    zone = UTC if settings.quiet_zone == "UTC" else ZoneInfo(settings.quiet_zone)
    return QuietHours.read(settings.quiet_hours, zone)


def _destinations(settings: NotifierSettings, session: aiohttp.ClientSession, clock: Clock) -> Iterator[Destination]:
    if settings.smtp_host:
        yield _mail(settings, clock)
    if (url := _secret(settings, "slack_url")) is not None:
        yield Slack(_webhook(settings, session, "slack", _checked(url, "slack_url"), clock))
    if (url := _secret(settings, "discord_url")) is not None:
        yield Discord(_webhook(settings, session, "discord", _checked(url, "discord_url"), clock))
    if (token := _secret(settings, "telegram_token")) is not None:
        if not settings.telegram_chat:
            raise SettingsError([f"{_variable('telegram_token')} is set; telegram_chat must be, too"])
        url = telegram_url(settings.telegram_api, token)
        webhook = Webhook(
            session,
            name="telegram",
            url=_checked(url, "telegram_token"),
            clock=clock,
            timeout_ns=settings.send_timeout,
            asked_in_body=asked_in_body,
        )
        yield Telegram(webhook, chat=settings.telegram_chat)
    if (key := _secret(settings, "pagerduty_key")) is not None:
        webhook = _webhook(settings, session, "pagerduty", SecretStr(settings.pagerduty_url), clock)
        yield PagerDuty(webhook, routing_key=key)


def _webhook(
    settings: NotifierSettings, session: aiohttp.ClientSession, name: str, url: SecretStr, clock: Clock
) -> Webhook:
    return Webhook(session, name=name, url=url, clock=clock, timeout_ns=settings.send_timeout)


def _mail(settings: NotifierSettings, clock: Clock) -> Mail:
    password = _secret(settings, "smtp_password")
    if settings.smtp_user and password is None:
        raise SettingsError([f"{_variable('smtp_user')} is set; smtp_password or smtp_password_file must be, too"])
    server = MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=password,
        tls=None if settings.smtp_security == "none" else _trust(settings.smtp_ca),
        timeout_ns=settings.send_timeout,
    )
    return Mail(server, sender=settings.smtp_sender, recipients=settings.smtp_recipients, clock=clock)


def _trust(authorities: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            [f"{_variable('smtp_ca')}: {authorities}: {error.strerror or 'is no certificate'}"]
        ) from None


def _secret(settings: NotifierSettings, field: str) -> SecretStr | None:
    """A secret from the environment, the settings file, or the file that is named; None when it is not set.

    Raises:
        SettingsError: The file cannot be used.
    """
    given: SecretStr | None = getattr(settings, field)
    path: Path | None = getattr(settings, f"{field}_file")
    if path is not None and given is not None:
        raise SettingsError([f"{_variable(field)} is set, and so is {field}_file; set one"])
    if path is None:
        secret = given.get_secret_value() if given is not None else ""
    else:
        name = _variable(f"{field}_file")
        try:
            secret = read_owners_alone(path, bytes_max=_SECRET_BYTES_MAX).decode("ascii").strip()
        except NotOwnersAlone as error:
            raise SettingsError([f"{name}: {error}"]) from None
        except OSError as error:
            raise SettingsError([f"{name}: {path}: {error.strerror}"]) from None
        except UnicodeDecodeError:
            raise SettingsError([f"{name}: {path} is no text"]) from None
        if not secret or not secret.isprintable():
            raise SettingsError([f"{name}: {path} must hold one line"])
    hide(parts_of_secret(secret))
    return SecretStr(secret) if secret else None


def _checked(url: SecretStr, field: str) -> SecretStr:
    if not is_url(url.get_secret_value(), ("http", "https")):
        # The value is not shown.
        raise SettingsError([f"{_variable(field)}: must be a URL such as https://host/path, without blanks"])
    return url


def _variable(field: str) -> str:
    return environment_name(NotifierSettings.section, field)
