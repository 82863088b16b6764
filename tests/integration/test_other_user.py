"""Another Unix user of the machine against a whole running platform: everything is refused, and trading goes on.

The other user is a forked child of this process that has given up root, so that it needs no interpreter of its own. It
lies in a folder that everybody may enter: what keeps it out must be the platform's own modes and keys.
"""

import encodings.idna  # noqa: F401  # looked for in files at the first use, which another user may not read
import json
import multiprocessing
import os
import pwd
import re
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from fakes.pipeline_events import kill_switch
from fakes.plans import plan
from fakes.results import result
from fakes.running_platform import EAGER, RunningPlatform, solquote

from quote_core.clock import SYSTEM_CLOCK, moment
from quote_core.events import KILL_SWITCH_HEARTBEAT, TradingState, encode, subject_of

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]
NOBODY = "nobody"
ANSWER_S = 5.0
TRADED_S = 60.0


@pytest.fixture(scope="module")
def platform() -> Iterator[RunningPlatform]:
    parent = Path(tempfile.mkdtemp(prefix="solquote-other-user-"))
    parent.chmod(0o755)
    running = RunningPlatform(parent / "data", environ=EAGER)
    try:
        running.until_healthy()
        yield running
    finally:
        running.end()
        shutil.rmtree(parent)


def as_nobody(attempts: dict[str, Callable[[], str]]) -> dict[str, str]:
    """What each attempt came to, made by another user; empty = it succeeded, anything else says why it did not."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_be_nobody, args=(attempts, theirs))
    process.start()
    theirs.close()
    told: dict[str, str] = ours.recv() if ours.poll(60.0) else {"no answer": ""}
    process.join(ANSWER_S)
    process.kill()
    return told


def _be_nobody(attempts: dict[str, Callable[[], str]], told: Connection) -> None:
    user = pwd.getpwnam(NOBODY)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    outcomes = {}
    for name, attempt in attempts.items():
        try:
            outcomes[name] = attempt()
        except OSError as error:
            outcomes[name] = f"{type(error).__name__}: {error.strerror or error}"
    told.send(outcomes)
    os._exit(0)


def nats(port: int, subject: str, data: bytes) -> Callable[[], str]:
    """Publish without a key, in the protocol's own words; what the server says against it."""

    def attempt() -> str:
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S) as line:
            said = line.recv(65_536)
            line.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\n')
            line.sendall(b"PUB %s %d\r\n%s\r\nPING\r\n" % (subject.encode(), len(data), data))
            with suppress(OSError):
                while (more := line.recv(65_536)) and b"PONG" not in said:
                    said += more
        return "" if b"PONG" in said else said[said.find(b"-ERR") :].decode(errors="replace")

    return attempt


def http(port: int, path: str, headers: dict[str, str]) -> Callable[[], str]:
    def attempt() -> str:
        connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
        connection.request("POST", path, body=b"{}", headers=headers)
        status = connection.getresponse().status
        return "" if status < 400 else str(status)

    return attempt


def read(path: Path) -> Callable[[], str]:
    def attempt() -> str:
        if path.is_dir():
            os.listdir(path)
        else:
            path.read_bytes()
        return ""

    return attempt


def forge(folder: Path) -> Callable[[], str]:
    def attempt() -> str:
        (folder / "forged").write_bytes(b"forged")
        return ""

    return attempt


def replace_file(path: Path, forged: Path) -> Callable[[], str]:
    def attempt() -> str:
        forged.replace(path)
        return ""

    return attempt


def overwrite(path: Path) -> Callable[[], str]:
    def attempt() -> str:
        os.close(os.open(path, os.O_WRONLY))
        return ""

    return attempt


def notify(address: str) -> Callable[[], str]:
    def attempt() -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"READY=1\nSTATUS=forged", address)
        return ""

    return attempt


def kill(pid: int) -> Callable[[], str]:
    def attempt() -> str:
        os.kill(pid, signal.SIGTERM)
        return ""

    return attempt


def environment_of(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def ask(platform: RunningPlatform, *arguments: str) -> Any:
    ended = solquote(*arguments, "--json", data_dir=platform.data_dir)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_another_user_gets_nowhere_and_trading_goes_on(platform: RunningPlatform, tmp_path: Path) -> None:
    environment, pids = platform.environment, platform.pids()
    nats_port = int(environment["SOLQUOTE_NATS_URL"].rsplit(":", 1)[1])
    http_port = int(environment["SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT"])
    shm = Path(environment["SOLQUOTE_SHM_DIR"])
    data = platform.data_dir
    forged_table = Path(tempfile.gettempdir()) / f"forged-table-{os.getpid()}"
    files = [path for path in data.rglob("*") if path.is_file() and "jetstream" not in path.parts]
    tables = list(shm.iterdir())
    assert {"kill-switch.token", "kill-switch.latched", "kill-switch.manager"} <= {path.name for path in files}
    assert (data / "nats" / "credentials" / "system_manager") in files
    assert tables
    release = encode(kill_switch(TradingState.ACTIVE, 3, reason="forged", sent=moment(SYSTEM_CLOCK)))
    before = ask(platform, "kill", "--reason", "another user is about")
    attempts = {
        "release on the bus": nats(nats_port, "system.kill_switch", release),
        "heartbeat": nats(nats_port, KILL_SWITCH_HEARTBEAT, release),
        "stop": nats(nats_port, "system.stop", b"stop"),
        "plan": nats(nats_port, subject_of(plan()), encode(plan())),
        "result": nats(nats_port, subject_of(result()), encode(result())),
        "stream emptied": nats(nats_port, "$JS.API.STREAM.PURGE.SYSTEM", b""),
        "release over HTTP": http(http_port, "/api/killswitch/disable", {}),
        "release with a guess": http(http_port, "/api/killswitch/disable", {"Authorization": "Bearer guess"}),
        "stop over HTTP": http(http_port, "/api/killswitch/enable", {}),
        "data folder": read(data),
        "credentials": read(data / "nats" / "credentials"),
        "a file in the data folder": forge(data),
        "shared memory's folder": read(shm),
        "a table of its own": forge(shm),
        **{f"read {path.relative_to(data)}": read(path) for path in files},
        **{f"write {path.relative_to(data)}": overwrite(path) for path in files},
        **{f"read {path.name}": read(path) for path in tables},
        **{f"write {path.name}": overwrite(path) for path in tables},
        **{f"replace {path.name}": replace_file(path, forged_table) for path in tables},
        **{f"notify as {name}": notify(environment_of(pid)["NOTIFY_SOCKET"]) for name, pid in pids.items()},
        **{f"kill {name}": kill(pid) for name, pid in pids.items()},
        **{f"memory of {name}": read(Path(f"/proc/{pid}/mem")) for name, pid in pids.items()},
        **{f"environment of {name}": read(Path(f"/proc/{pid}/environ")) for name, pid in pids.items()},
    }
    forged_table.write_bytes(b"forged")
    os.chown(forged_table, pwd.getpwnam(NOBODY).pw_uid, -1)
    try:
        outcomes = as_nobody(attempts)
    finally:
        forged_table.unlink(missing_ok=True)
    assert outcomes.keys() == attempts.keys()
    assert [name for name, why_not in outcomes.items() if not why_not] == []
    for name, why_not in outcomes.items():
        if name.startswith(("release w", "release over", "stop over")):
            assert why_not == "401", name
        elif attempts[name].__qualname__.startswith("nats"):
            assert "Authorization" in why_not, (name, why_not)
        else:
            assert "Permission" in why_not, (name, why_not)

    assert platform.pids() == pids
    after = ask(platform, "kill", "--reason", "again")
    assert (before["state"], after["state"], after["revision"]) == ("HALTED", "HALTED", before["revision"])
    assert after["reason"] == before["reason"]
    filled_count = ask(platform, "pnl", "--last", "0")["summary"]["filledCount"]
    assert ask(platform, "release")["state"] == "ACTIVE"
    platform.until(lambda: told_filled_count(platform) > filled_count, seconds=TRADED_S)


def told_filled_count(platform: RunningPlatform) -> int:
    """As the executor's status has it."""
    told = re.search(r"(\d+) filled", platform.view("executor")["status"])
    return int(told[1]) if told else 0
