"""Mail, handed in to a real SMTP server."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fakes.alerts import alert
from fakes.certificates import Authority
from fakes.fake_clock import FakeClock
from fakes.mail_box import MailBox, mail_box
from fakes.ports import HOST, free_port
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.notifier.alert import Level
from pipeline.notifier.configured import open_destinations
from pipeline.notifier.destinations.base import Destination, MessageRefused
from pipeline.notifier.destinations.mail import mail_of
from pipeline.notifier.settings import NotifierSettings
from pipeline.notifier.wording import Message, Wording
from quote_core.errors import DeadlinePassed, ProviderUnavailable, UpstreamError

MESSAGE = Wording("desk").message([alert(17, text="Zoë says: 5 €")])
PASSWORD = "correct-horse-battery"


def settings(box: MailBox, **more: Any) -> NotifierSettings:
    usual = {
        "smtp_host": HOST,
        "smtp_port": box.port,
        "smtp_security": "none",
        "smtp_sender": "solquote@example.org",
        "smtp_recipients": ("a@example.org", "b@example.org"),
    }
    return NotifierSettings.model_validate({**usual, **more})


@contextlib.asynccontextmanager
async def mail(given: NotifierSettings) -> AsyncIterator[Destination]:
    async with aiohttp.ClientSession() as session:
        (found,) = open_destinations(given, session, clock=FakeClock())
        yield found


async def refusal(given: NotifierSettings, *, kind: type[UpstreamError] = ProviderUnavailable) -> str:
    async with mail(given) as destination:
        with pytest.raises(kind) as raised:
            await destination.send(MESSAGE)
    assert PASSWORD not in str(raised.value)
    return str(raised.value)


def tls(folder: Path) -> tuple[Authority, ssl.SSLContext]:
    authority = Authority(folder / "ca")
    issued = authority.issue("mail")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(issued.certificate, issued.key)
    return authority, context


async def test_a_message_arrives_whole_at_every_recipient():
    async with mail_box() as box, mail(settings(box)) as destination:
        await destination.send(MESSAGE)
    (one,) = box.mails
    assert box.recipients == [["a@example.org", "b@example.org"]]
    assert one["Subject"] == "[critical] Trading is HALTED: drawdown (desk)"
    assert (one["From"], one["To"]) == ("solquote@example.org", "a@example.org, b@example.org")
    assert one["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    assert (one["Auto-Submitted"], one["Importance"]) == ("auto-generated", "high")
    assert one.get_content().replace("\r\n", "\n") == MESSAGE.parts[0] + "\n"


async def test_sent_again_it_has_the_same_id_and_news_have_another():
    news = Wording("desk").message([alert(17, news=2, level=Level.WARNING)])
    async with mail_box() as box, mail(settings(box)) as destination:
        for message in (MESSAGE, MESSAGE, news):
            await destination.send(message)
    ids = [one["Message-ID"] for one in box.mails]
    assert ids[0] == ids[1] != ids[2]
    assert box.mails[2]["Importance"] is None


async def test_no_text_becomes_a_header():
    evil = Message("desk", "x\r\nBcc: eve@example.org".replace("\r\n", " "), ("Subject: y\n.\nQUIT",), (alert(),))
    long = Wording("desk", "$title").message([alert(title="ü" * 900)])
    async with mail_box() as box, mail(settings(box)) as destination:
        await destination.send(evil)
        await destination.send(long)
    assert box.mails[0]["Bcc"] is None
    assert box.mails[0].get_content().replace("\r\n", "\n") == "Subject: y\n.\nQUIT\n"
    assert len(box.mails[1]["Subject"]) <= 200


@given(st.text(), st.text())
@example("a\u2028b\u2029c\x85d\x0be\x1cf", "\n.\n\u2028")
def test_whatever_is_said_is_one_mail_with_one_subject(title: str, text: str):
    message = Wording("desk").message([alert(title=title, text=text)])
    mail = mail_of(message, sender="a@example.org", recipients=("b@example.org",), unix_ns=1)
    read = message_from_bytes(mail.as_bytes(policy=policy.SMTP), policy=policy.SMTP)
    assert read.keys() == mail.keys()
    assert len(mail.get_all("Subject", [])) == 1
    assert read["To"] == "b@example.org"
    assert mail.as_bytes().isascii()  # whatever the servers on the way can carry


async def test_login_over_starttls_with_an_authority_of_one_s_own(tmp_path: Path):
    authority, context = tls(tmp_path)
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n")
    password.chmod(0o600)
    async with mail_box(tls=context, asks_who=True) as box:
        box.password = PASSWORD.encode()
        given = settings(
            box,
            smtp_security="starttls",
            smtp_ca=authority.path,
            smtp_user="desk",
            smtp_password_file=str(password),
        )
        async with mail(given) as destination:
            await destination.send(MESSAGE)
        assert box.logins == [(b"desk", PASSWORD.encode())]
        assert box.was_encrypted == [True]
        box.password = b"changed"
        assert "smtp: answered 535" in await refusal(given)


async def test_a_server_that_nobody_vouches_for_gets_neither_password_nor_message(tmp_path: Path):
    _, context = tls(tmp_path)
    async with mail_box(tls=context, asks_who=True) as box:
        given = settings(box, smtp_security="starttls", smtp_user="desk", smtp_password=PASSWORD)
        assert "cannot be reached" in await refusal(given)
        assert (box.logins, box.mails) == ([], [])


async def test_a_server_without_starttls_gets_no_mail_in_plain_text():
    async with mail_box() as box:
        assert "smtp: " in await refusal(settings(box, smtp_security="starttls"))
        assert box.mails == []


@pytest.mark.parametrize(("answer", "is_of_the_content"), [("552 too much", True), ("451 try later", False)])
async def test_a_server_that_does_not_want_the_content_is_told_from_one_that_cannot_take_it_now(
    answer: str, is_of_the_content: bool
):
    async with mail_box() as box, mail(settings(box)) as destination:
        box.refusal = answer
        with pytest.raises(ProviderUnavailable) as raised:
            await destination.send(MESSAGE)
    assert isinstance(raised.value, MessageRefused) is is_of_the_content


async def test_refusals_and_silence_are_told_and_nothing_is_lost_in_them():
    async with mail_box() as box:
        box.refusal = "451 try later, correct-horse-battery"
        assert await refusal(settings(box)) == "smtp: answered 451 (SMTPDataError)"
        box.refusal = ""
        async with mail(settings(box)) as destination:
            await destination.send(MESSAGE)
        assert len(box.mails) == 1
    assert "cannot be reached" in await refusal(settings(MailBox(port=free_port())))


async def test_a_recipient_who_is_refused_is_told_and_the_others_have_the_mail():
    async with mail_box() as box, mail(settings(box)) as destination:
        box.nobodies = ("b@example.org",)
        assert await destination.send(MESSAGE) == "1 of 2 recipients refused (550)"
        assert box.recipients == [["a@example.org"]]
        box.nobodies = ("a@example.org", "b@example.org")
        assert await refusal(settings(box)) == "smtp: every recipient is refused (550)"
        box.nobodies = ()
        assert await destination.send(MESSAGE) == ""


async def test_a_server_that_goes_on_saying_a_little_is_not_waited_for_either():
    ended = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while not reader.at_eof():
                writer.write(b"220-wait\r\n")
                await asyncio.wait_for(writer.drain(), 1)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(100), 0.02)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        ended.set()

    box = MailBox(port=free_port())
    async with await asyncio.start_server(slow, HOST, box.port):
        assert "no answer within 200 ms" in await refusal(settings(box, send_timeout="200ms"), kind=DeadlinePassed)
        await ended.wait()


async def test_a_server_that_says_nothing_is_not_waited_for():
    ended = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    box = MailBox(port=free_port())
    server = await asyncio.start_server(silent, HOST, box.port)
    given = settings(box, send_timeout="50ms")
    assert "no answer within 50 ms" in await refusal(given, kind=DeadlinePassed)
    await ended.wait()
    server.close()
    await server.wait_closed()
