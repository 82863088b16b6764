"""Where mail ends: a real SMTP server that keeps what it is handed in."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from fakes.ports import HOST, free_port


@dataclass
class MailBox:
    """`refusal` is answered to every message; `nobodies` are recipients that there are none of."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)
    refusal: str = ""
    nobodies: tuple[str, ...] = ()
    password: bytes = b""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # its name
        if self.refusal:
            return self.refusal
        self.was_encrypted.append(session.ssl is not None)
        self.recipients.append(list(envelope.rcpt_tos))
        self.mails.append(
            cast("EmailMessage", message_from_bytes(cast("bytes", envelope.content), policy=policy.default))
        )
        return "250 taken"

    async def handle_RCPT(  # noqa: N802  # its name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.nobodies:
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == self.password, handled=False)


@contextlib.asynccontextmanager
async def mail_box(*, tls: ssl.SSLContext | None = None, asks_who: bool = False) -> AsyncIterator[MailBox]:
    """Serve, with STARTTLS when `tls` is given."""
    box = MailBox(port=free_port())
    loop = asyncio.get_running_loop()

    connections: list[SMTP] = []

    def protocol() -> SMTP:
        connection = SMTP(
            box,
            hostname="mail.example",
            tls_context=tls,
            require_starttls=tls is not None,
            authenticator=box.authenticate if asks_who else None,
            auth_required=asks_who,
            loop=loop,
        )
        connections.append(connection)
        return connection

    server = await loop.create_server(protocol, HOST, box.port)
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()
        # Each ends by itself when its client has gone; until then its stream is open.
        handlers = [one._handler_coroutine for one in connections if one._handler_coroutine is not None]
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        for one in connections:
            if one.transport is not None:
                one.transport.close()
        await asyncio.sleep(0)
