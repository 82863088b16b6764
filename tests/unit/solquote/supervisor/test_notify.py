import asyncio
import os
from pathlib import Path

import pytest

from quote_core.telemetry.readiness import Readiness
from solquote.supervisor.notify import Notice, NotifySocket, parse_notice


@pytest.mark.parametrize(
    ("datagram", "notice"),
    [
        (b"READY=1\nSTATUS=12 pairs\nWATCHDOG=1", Notice(ready=True, status="12 pairs")),
        (b"STOPPING=1", Notice(stopping=True)),
        (b"WATCHDOG=1", Notice()),
        (b"STATUS=a=b", Notice(status="a=b")),
        (b"STATUS=", Notice(status="")),
        (b"READY=0", Notice()),
        (b"\xff\xfe nonsense", Notice()),
        (b"", Notice()),
    ],
)
def test_a_datagram_is_read_and_what_is_unknown_is_skipped(datagram: bytes, notice: Notice):
    assert parse_notice(datagram) == notice


def test_a_status_cannot_drive_the_terminal():
    assert parse_notice(b"STATUS=\x1b[2Jgone\x07").status == "[2Jgone"
    assert len(parse_notice(b"STATUS=" + b"x" * 4000).status or "") == 200


async def test_what_a_service_sends_arrives_and_the_socket_goes_away_with_the_listener(tmp_path: Path):
    notices: asyncio.Queue[Notice] = asyncio.Queue()
    path = tmp_path / "child.sock"
    with NotifySocket(path, notices.put_nowait):
        readiness = Readiness({"NOTIFY_SOCKET": os.fspath(path)})
        readiness.ready("12 pairs")
        readiness.status("13 pairs")
        async with asyncio.timeout(60):
            assert await notices.get() == Notice(ready=True, status="12 pairs")
            assert await notices.get() == Notice(status="13 pairs")
        readiness.close()
    assert not path.exists()
