"""The recorded market as its own process, on free ports, as `solquote up` would run it."""

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 5.0
PREFIX = "SOLQUOTE_RECORDED_MARKET_"


@dataclass
class MarketProcess:
    """A running market and what it has logged."""

    process: "subprocess.Popen[str]"
    log: list[dict[str, Any]] = field(default_factory=list)
    is_serving: threading.Event = field(default_factory=threading.Event)

    @property
    def serving(self) -> dict[str, Any]:
        return next(line for line in self.log if line["event"] == "serving")

    @property
    def rpc_url(self) -> str:
        return f"http://127.0.0.1:{self.serving['rpc']}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.serving['websocket']}"

    @property
    def jupiter_url(self) -> str:
        return f"http://127.0.0.1:{self.serving['jupiter']}"

    def ask(self, method: str, *params: Any) -> Any:
        """One JSON-RPC call of the node."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.rpc_url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=START_DEADLINE_S) as response:
            return json.load(response)["result"]

    def read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{"):
                self.log.append(json.loads(line))
            if self.log and self.log[-1]["event"] == "serving":
                self.is_serving.set()


@contextmanager
def recorded_market_process(**settings: object) -> Iterator[MarketProcess]:
    """Start `python -m recorded_market` with `settings`; ports are free ones unless told otherwise."""
    wanted = {"rpc_port": 0, "jupiter_port": 0, "slot_time": "50ms"} | settings
    environ = os.environ | {PREFIX + name.upper(): str(value) for name, value in wanted.items()}
    command = [sys.executable, "-m", "recorded_market"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        market = MarketProcess(process)
        reader = threading.Thread(target=market.read_log)
        reader.start()
        try:
            assert market.is_serving.wait(START_DEADLINE_S), f"never served: {market.log}"
            yield market
        finally:
            process.terminate()
            try:
                process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
            reader.join()
