"""The whole platform as an operator starts it: `solquote up`, on free ports, with a data folder of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final, Self

from fakes.stopwatch import Stopwatch

UP_S = 60.0
"""How long a busy machine may take until all processes are healthy."""
END_S = 60.0
COMMAND_S = 180.0
PROCESS_NAMES = (
    "nats_server",
    "recorded_market",
    "local_quote",
    "external_quote",
    "aggregator",
    "initializer",
    "system_manager",
    "event_logger",
    "auditor",
    "executor",
    "planner",
    "scanner",
)
"""As delivered; the notifier is one more where somebody is to be told."""

EAGER: Final = {
    "SOLQUOTE_SCANNER_GROSS_PROFIT_BPS_MIN": "20",
    "SOLQUOTE_PLANNER_GROSS_PROFIT_BPS_MIN": "20",
    "SOLQUOTE_PLANNER_NET_PROFIT_BPS_MIN": "10",
    "SOLQUOTE_EXECUTOR_PAPER_NAIVE": "true",
}
"""A platform told so fills a plan every few seconds, where one as delivered takes up to a minute. What may
not be traded for a while is so proved by more chances to, and what waits for a trade has it soon."""
UNHURRIED: Final = {
    "SOLQUOTE_AGGREGATOR_LOCAL_TIMEOUT": "10s",
    "SOLQUOTE_AGGREGATOR_EXTERNAL_TIMEOUT": "20s",
    "SOLQUOTE_AGGREGATOR_POOLS_TIMEOUT": "20s",
}
"""For tests that say nothing of time: a busy machine takes longer for a single quote than the delivered 10 and 100 ms,
and for a list of pools than a second, and then answers with half of it, or that it was too late."""


def solquote(
    *arguments: str, data_dir: Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """One command against the platform of `data_dir`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SOLQUOTE_")}
    return subprocess.run(
        [sys.executable, "-m", "solquote", *arguments],
        env=environment | {"SOLQUOTE_DATA_DIR": str(data_dir)} | dict(environ or {}),
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )


@contextlib.contextmanager
def solquote_running(*arguments: str, data_dir: Path) -> Iterator["subprocess.Popen[str]"]:
    """One command that goes on, until the context ends."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SOLQUOTE_")}
    with subprocess.Popen(
        [sys.executable, "-m", "solquote", *arguments],
        env=environment | {"SOLQUOTE_DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


class RunningPlatform:
    """Reads what `up --json` tells, and waits for what a test wants to see."""

    def __init__(self, data_dir: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.messages: list[str] = []
        self.switch: dict[str, Any] = {}
        """The kill switch as last told."""
        self._views: dict[str, dict[str, Any]] = {}
        self._has_ended = False
        self._news = threading.Condition()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SOLQUOTE_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "solquote", "up", "--json", "--free-ports", "--data-dir", str(data_dir), *arguments],
            env=environment | dict(environ or {}),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,))
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it if nobody has."""
        if self.process.returncode is None:
            self.end()

    def view(self, name: str) -> dict[str, Any]:
        """A process as last told."""
        with self._news:
            return self._views.get(name, {})

    def pids(self) -> dict[str, int]:
        """Of all that run."""
        with self._news:
            return {name: view["pid"] for name, view in self._views.items() if view["pid"] is not None}

    def until(self, condition: Callable[[], object], *, seconds: float) -> None:
        """Wait until `condition` holds, looking whenever something is told; `seconds` are those of a `Stopwatch`."""
        watch = Stopwatch()
        with self._news:
            while not (met := condition()) and not self._has_ended and (left_s := seconds - watch.elapsed_s) > 0:
                self._news.wait(left_s)
        assert not self._has_ended, "solquote up has ended"
        assert met, f"not within {seconds} s; last told: {self._views}, {self.messages[-20:]}"

    def until_healthy(self) -> None:
        """Wait for the sentence that all are."""
        self.until(lambda: any("processes are healthy" in message for message in self.messages), seconds=UP_S)

    def until_back(self, name: str, *, old_pid: int, seconds: float) -> None:
        """Wait until a process is healthy under another pid."""
        self.until(
            lambda: self._views[name]["state"] == "healthy" and self._views[name]["pid"] != old_pid, seconds=seconds
        )

    def kill(self, name: str) -> None:
        """As abruptly as a crash."""
        os.kill(self.pids()[name], signal.SIGKILL)

    @property
    def environment(self) -> dict[str, str]:
        """What it tells its children."""
        told: dict[str, str] = json.loads((self.data_dir / "up.json").read_text())["environment"]
        return told

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal to the supervisor; its exit code."""
        self.process.send_signal(number)
        try:
            code = self.process.wait(END_S)
        finally:
            self.process.kill()
            self._reader.join()
            assert self.process.stdout is not None
            self.process.stdout.close()
        return code

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            told = json.loads(line)
            with self._news:
                if "state" in told:
                    self._views[told["process"]] = told
                elif "killSwitch" in told:
                    self.switch = told["killSwitch"]
                elif "message" in told:
                    self.messages.append(f"{told['process']}: {told['message']}")
                self._news.notify_all()
        with self._news:
            self._has_ended = True
            self._news.notify_all()
