"""Mail, by SMTP with STARTTLS, TLS from the first byte, or neither.

The message's id follows from what it tells, so that one sent twice is one for most programs. Whoever only presents a
certificate that nobody vouches for gets neither password nor message.
"""

import asyncio
import hashlib
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, Literal

import aiosmtplib
from pydantic import SecretStr

from pipeline.notifier.alert import Level
from pipeline.notifier.destinations.base import MessageRefused
from pipeline.notifier.wording import Message, shortened
from quote_core.clock import Clock
from quote_core.errors import DeadlinePassed, ProviderUnavailable
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["Mail", "MailServer", "mail_of"]

_PERMANENT: Final = 500
"""From here on an answer to the content asks not to send the same again (RFC 5321, 4.2.1)."""
_SUBJECT_CHARS_MAX: Final = 200
_TEXT_CHARS_MAX: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed in, and as whom."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str
    password: SecretStr | None
    tls: ssl.SSLContext | None
    """Whom to trust; None with `none`."""
    timeout_ns: int


class Mail:
    """See the module."""

    name = "smtp"

    def __init__(self, server: MailServer, *, sender: str, recipients: tuple[str, ...], clock: Clock) -> None:
        self._server = server
        self._sender = sender
        self._recipients = recipients
        self._clock = clock

    async def send(self, message: Message) -> str:
        """See `Destination`."""
        mail = mail_of(message, sender=self._sender, recipients=self._recipients, unix_ns=self._clock.unix_ns())
        server = self._server
        timeout_s = server.timeout_ns / NS_PER_S
        try:
            async with asyncio.timeout(timeout_s):  # the library's is for each step
                refused, _ = await aiosmtplib.send(
                    mail,
                    hostname=server.host,
                    port=server.port,
                    username=server.user or None,
                    password=server.password.get_secret_value() if server.password else None,
                    use_tls=server.security == "tls",
                    start_tls=server.security == "starttls",
                    tls_context=server.tls,
                    timeout=timeout_s,
                )
        except (TimeoutError, aiosmtplib.SMTPTimeoutError):
            raise DeadlinePassed(self.name, server.timeout_ns // NS_PER_MS) from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = _listed(one.code for one in error.recipients)
            raise ProviderUnavailable(self.name, f"every recipient is refused ({codes})") from None
        except aiosmtplib.SMTPDataError as error:
            kind = MessageRefused if error.code >= _PERMANENT else ProviderUnavailable
            raise kind(self.name, f"answered {error.code} (SMTPDataError)") from None
        except aiosmtplib.SMTPResponseException as error:
            # The server's words may repeat what it was told.
            raise ProviderUnavailable(self.name, f"answered {error.code} ({type(error).__name__})") from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise ProviderUnavailable(self.name, f"cannot be reached ({type(error).__name__})") from None
        if not refused:
            return ""
        codes = _listed(one.code for one in refused.values())
        return f"{len(refused)} of {len(self._recipients)} recipients refused ({codes})"


def _listed(codes: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(set(codes))))


def mail_of(message: Message, *, sender: str, recipients: tuple[str, ...], unix_ns: int) -> EmailMessage:
    """A message as mail."""
    mail = EmailMessage()
    mail["Subject"] = shortened(message.title, _SUBJECT_CHARS_MAX)
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Date"] = format_datetime(datetime.fromtimestamp(unix_ns // NS_PER_S, UTC))
    told = " ".join(f"{alert.identity}.{alert.news}" for alert in message.alerts)
    mail["Message-ID"] = f"<{hashlib.blake2b(told.encode(), digest_size=16).hexdigest()}@solquote>"
    mail["Auto-Submitted"] = "auto-generated"
    if message.alerts[0].worst >= Level.CRITICAL:
        mail["Importance"] = "high"
    mail.set_content(message.text(_TEXT_CHARS_MAX) + "\n", cte="quoted-printable")
    return mail
