"""What may be set about the notifier; it runs where one of the destinations is set."""

import re
from typing import Annotated, ClassVar, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.notifier.quiet_hours import QuietHours
from pipeline.notifier.wording import ALERT_FIELDS, TITLE_FIELDS, check_template
from quote_core.settings import Duration, FilePath, HttpUrl, Port, Secret, ServiceSettings, metrics_port_field

__all__ = ["NotifierSettings"]

_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"\\\[\]()]{1,64}@[A-Za-z0-9.-]{1,253}")
_Threshold = Literal["info", "warning", "critical", "escalated"]


def _mail_address(value: str) -> str:
    if value and not (value.isascii() and _ADDRESS.fullmatch(value)):
        raise ValueError(f"must be an address such as alerts@example.org, got {value!r}")
    return value


MailAddress = Annotated[str, AfterValidator(_mail_address)]


def _split(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"must be a time zone such as Europe/Berlin, got {value!r}") from None
    return value


def _hours(value: str) -> str:
    if value:
        QuietHours.read(value)
    return value


def _title(value: str) -> str:
    check_template(value, TITLE_FIELDS)
    return value


def _alert(value: str) -> str:
    check_template(value, ALERT_FIELDS)
    return value


class NotifierSettings(ServiceSettings):
    """Section `notifier`."""

    section: ClassVar[str] = "notifier"

    metrics_port: Port = metrics_port_field(9112)
    name: str = Field("", max_length=100, description="What the platform is called in messages; empty = this host")
    smtp_host: str = Field("", max_length=253, description="Mail server; empty = no mail is sent")
    smtp_port: Port = Field(587, description="Its port")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is guarded: starttls (587), tls (465), or none"
    )
    smtp_ca: FilePath | None = Field(
        None, description="Authorities that may vouch for the mail server (PEM); unset = the system's"
    )
    smtp_user: str = Field("", max_length=254, description="Who logs in there; empty = nobody does")
    smtp_password: Secret | None = Field(None, description="The user's password")
    smtp_password_file: FilePath | None = Field(None, description="File with that password, mode 0600")
    smtp_sender: MailAddress = Field("", description="Address that mail is from")
    smtp_recipients: Annotated[tuple[MailAddress, ...], BeforeValidator(_split), Field(max_length=50)] = Field(
        (), description="Addresses it goes to, with commas between them"
    )
    smtp_level: _Threshold = Field("warning", description="Mail is sent from this level on")
    slack_url: Secret | None = Field(None, description="Incoming webhook of Slack, which is a secret")
    slack_url_file: FilePath | None = Field(None, description="File with that address, mode 0600")
    slack_level: _Threshold = Field("info", description="Slack is told from this level on")
    discord_url: Secret | None = Field(None, description="Webhook of a channel on Discord, which is a secret")
    discord_url_file: FilePath | None = Field(None, description="File with that address, mode 0600")
    discord_level: _Threshold = Field("info", description="Discord is told from this level on")
    telegram_token: Secret | None = Field(None, description="Token of a Telegram bot")
    telegram_token_file: FilePath | None = Field(None, description="File with that token, mode 0600")
    telegram_chat: str = Field(
        "", pattern=r"^(-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64}|)$", description="Chat the bot writes to: its id, or @channel"
    )
    telegram_api: HttpUrl = Field("https://api.telegram.org", min_length=1, description="Where bots are served")
    telegram_level: _Threshold = Field("warning", description="Telegram is told from this level on")
    pagerduty_key: Secret | None = Field(None, description="Integration key of a PagerDuty service (Events API v2)")
    pagerduty_key_file: FilePath | None = Field(None, description="File with that key, mode 0600")
    pagerduty_url: HttpUrl = Field(
        "https://events.pagerduty.com/v2/enqueue", min_length=1, description="Where such events are taken"
    )
    pagerduty_level: _Threshold = Field("critical", description="PagerDuty is told from this level on")
    group_wait: Duration = Field(
        "10s", description="What is not critical waits so long for more, and goes out together"
    )
    repeat_after: Duration = Field("1h", gt=0, description="The same again is only counted for so long")
    escalate_after: Duration = Field("15m", gt=0, description="A critical alert nobody acknowledges is told again then")
    escalation_count_max: int = Field(4, ge=0, le=100, description="How often, at most; 0 = never")
    messages_per_minute: int = Field(
        10, ge=2, le=600, description="Messages a destination gets, at most; what is more is grouped, not lost"
    )
    refusals_max: int = Field(
        8, ge=1, le=100, description="An alert that a destination refuses so often for what it says is set aside there"
    )
    quiet_hours: Annotated[str, AfterValidator(_hours)] = Field(
        "", description="Hours in which only what is critical is told, such as 22:00-07:00; empty = none"
    )
    quiet_zone: Annotated[str, AfterValidator(_zone)] = Field("UTC", description="Time zone of the quiet hours")
    silence_max: Duration = Field(
        "15s", ge=3_000_000_000, description="A process that reports nothing for so long is silent"
    )
    unwell_after: Duration = Field("20s", description="A process must be unwell for so long before it is told")
    settle: Duration = Field("30s", gt=0, description="A process must be well for so long to be told as well again")
    send_timeout: Duration = Field(
        "10s", gt=0, le=60_000_000_000, description="For handing in one message, at most 60s"
    )
    title_template: Annotated[str, AfterValidator(_title)] = Field(
        "", max_length=500, description="Subject of a message; empty = as docs/notifier.md says"
    )
    alert_template: Annotated[str, AfterValidator(_alert)] = Field(
        "", max_length=2_000, description="How one alert is told; empty = as docs/notifier.md says"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.smtp_host and not (self.smtp_sender and self.smtp_recipients):
            raise ValueError("smtp_host is set; smtp_sender and smtp_recipients must be, too")
        if self.smtp_user and self.smtp_security == "none":
            raise ValueError("smtp_security is none, and a password would pass in plain text; leave smtp_user out")
        return self
