"""The kill switch as somebody outside meets it: nats-server, `pipeline.system_manager` and a process that would trade.

Nothing of the product runs in the test itself, so that it can be pointed at another version (`fakes.tested_source`).
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fakes import gate_process
from fakes.nats_server import NatsServer

from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Bus, connect
from solquote.supervisor.ports import free_port

DEADLINE_S = 30.0
START_DEADLINE_S = 120.0
"""Two processes load their code, on a machine that may do other things."""
GATE_SILENCE_NS = 1_500_000_000
"""Half of what is delivered, since a test waits for it."""


class OutsideSwitch:
    """Three processes and the ways to reach them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "nats").mkdir()
        self.nats = NatsServer(folder / "nats")
        self.nats.start()
        asyncio.run(self.on_bus(lambda bus: repair(bus, STREAMS)))
        self.http_port = free_port("127.0.0.1")
        self.environment = {
            **os.environ,
            "SOLQUOTE_NATS_URL": self.nats.url,
            "SOLQUOTE_DATA_DIR": str(folder),
            "SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT": str(self.http_port),
        }
        self.manager = self._started([sys.executable, "-m", "pipeline.system_manager"])
        gate = [sys.executable, str(Path(gate_process.__file__)), self.nats.url, str(GATE_SILENCE_NS)]
        self.gate = self._started(gate, stdout=subprocess.PIPE)
        self._open_ns: list[int] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def end(self) -> None:
        """Stop everything."""
        for process in (self.gate, self.manager):
            process.kill()
            process.wait()
        self._reader.join()
        assert self.gate.stdout is not None
        self.gate.stdout.close()
        self.nats.stop()

    def start_manager(self) -> None:
        """Begin it again, after it was killed."""
        self.manager = self._started([sys.executable, "-m", "pipeline.system_manager"])

    def _started(self, command: list[str], stdout: int | None = None) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, env=self.environment, stdout=stdout or log, stderr=log)

    def _read(self) -> None:
        assert self.gate.stdout is not None
        for line in self.gate.stdout:
            self._open_ns.append(int(line))

    def open_since(self, mono_ns: int) -> bool:
        """Whether a trade would have begun after that time."""
        return bool(self._open_ns) and self._open_ns[-1] > mono_ns

    async def on_bus(self, act: Callable[[Bus], Any]) -> Any:
        """Do something on a connection of its own."""
        async with connect(self.nats.url, name="somebody") as bus:
            return await act(bus)

    def publish(self, act: Callable[[Bus], Any]) -> Any:
        """The same, for who has no loop."""
        return asyncio.run(self.on_bus(act))

    def ask(self, verb: str, body: bytes | None = b"{}") -> tuple[int, dict[str, Any]]:
        """POST to the switch, or GET it with no body; status 0 when nobody answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}/api/killswitch{verb}", data=body)
        token = self.folder / "kill-switch.token"
        if token.exists():
            request.add_header("Authorization", f"Bearer {token.read_text().strip()}")
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            is_json = error.headers.get_content_type() == "application/json"
            return error.code, json.loads(error.read()) if is_json else {}
        except OSError:
            return 0, {}

    def state(self) -> str:
        """As the manager tells it; empty when it does not."""
        return str(self.ask("", None)[1].get("state", ""))

    def halt(self) -> int:
        """Stop trading; the time after it was acknowledged."""
        status, told = self.ask("/enable")
        assert (status, told.get("state")) == (200, "HALTED"), told
        return time.monotonic_ns()

    def release(self) -> None:
        """Let trading go on, and see that it does."""
        until(lambda: self.ask("/disable")[0] == 200, within_s=START_DEADLINE_S)
        released_ns = time.monotonic_ns()
        until(lambda: self.open_since(released_ns), within_s=START_DEADLINE_S)

    @contextmanager
    def standing_still(self, process: "subprocess.Popen[bytes]") -> Iterator[None]:
        """Pause a process while the context lasts."""
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)


def until(
    condition: Callable[[], object], *, never: Callable[[], bool] = lambda: False, within_s: float = DEADLINE_S
) -> None:
    """Wait until `condition`; all the time `never` must not be."""
    deadline = time.monotonic() + within_s
    while True:
        assert not never(), "what must never be has happened"
        if condition():
            return
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.01)
