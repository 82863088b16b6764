"""The real Prometheus and Alertmanager on what `deploy` delivers, with ports of their own; and a webhook to be told by.

Both come with Debian's packages `prometheus` and `prometheus-alertmanager`; a test skips where they are not installed.
"""

import contextlib
import json
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from fakes.ports import free_port
from fakes.waiting import until

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
TOKEN: Final = "a token of this test"
_PAST_PROXIES: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_ANSWER_S: Final = 30.0
_END_S: Final = 30.0


def installed(program: str, package: str) -> str:
    """Where it is; the test skips when it is nowhere."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed (Debian: apt-get install {package})")
    return path


@dataclass(frozen=True)
class Server:
    """One that answers JSON over HTTP."""

    url: str

    def ask(self, path: str, *, body: object = None, **parameters: str) -> Any:
        """The answer's JSON."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        request = urllib.request.Request(
            f"{self.url}{path}{query}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with _PAST_PROXIES.open(request, timeout=_ANSWER_S) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def is_ready(self) -> bool:
        """Whether it takes requests."""
        try:
            with _PAST_PROXIES.open(f"{self.url}/-/ready", timeout=_ANSWER_S):
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


class Prometheus(Server):
    """Asked as Grafana asks it."""

    def values(self, promql: str) -> list[dict[str, Any]]:
        """The samples now.

        Raises:
            AssertionError: The query is none.
        """
        try:
            return list(self.ask("/api/v1/query", query=promql)["data"]["result"])
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{promql}: {error.read().decode()}") from None

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with its expression and how it goes."""
        return [rule for group in self.ask("/api/v1/rules")["data"]["groups"] for rule in group["rules"]]


def with_all_targets(text: str) -> str:
    """A delivered list of scraped processes, with those that an operator uncomments when they run."""
    return re.sub(r"^( +)(?:#|//) (?=- targets|  labels|\{__address__)", r"\1", text, flags=re.MULTILINE)


@contextlib.contextmanager
def prometheus_running(folder: Path, targets: Mapping[str, str], alertmanager: Server) -> Iterator[Prometheus]:
    """On the delivered configuration, five times as often; `targets` by their delivered addresses.

    What stands there as a comment, for a process that runs only where something is set, is made to count.
    """
    program = installed("prometheus", "prometheus")
    config = with_all_targets((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    moved = {**targets, "127.0.0.1:9093": alertmanager.url.removeprefix("http://"), "interval: 5s": "interval: 1s"}
    config, changes = re.subn("|".join(map(re.escape, moved)), lambda found: moved[found[0]], config)
    assert changes == len(targets) + 3, "an address or an interval of the delivered configuration is not known here"
    shutil.copy(DEPLOY / "prometheus" / "rules.yml", folder / "rules.yml")
    (folder / "prometheus.yml").write_text(config)
    server = Prometheus(f"http://127.0.0.1:{free_port()}")
    arguments = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={server.url.removeprefix('http://')}",
    ]
    with _running([program, *arguments], folder / "prometheus.log", server):
        yield server


@contextlib.contextmanager
def alertmanager_running(folder: Path, webhook: Server) -> Iterator[Server]:
    """On the delivered configuration, telling the webhook."""
    program = installed("prometheus-alertmanager", "prometheus-alertmanager")
    config = (DEPLOY / "alertmanager" / "alertmanager.yml").read_text()
    (folder / "alertmanager.yml").write_text(config.replace("http://127.0.0.1:9095", webhook.url))
    (folder / "webhook.token").write_text(TOKEN)
    server = Server(f"http://127.0.0.1:{free_port()}")
    arguments = [
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={server.url.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]
    with _running([program, *arguments], folder / "alertmanager.log", server):
        yield server


@contextlib.contextmanager
def _running(command: list[str], log_path: Path, server: Server) -> Iterator[None]:
    with log_path.open("wb") as log, subprocess.Popen(command, cwd=log_path.parent, stdout=log, stderr=log) as process:
        try:
            until(lambda: process.poll() is not None or server.is_ready(), f"{command[0]} is ready")
            assert process.poll() is None, log_path.read_text()
            yield
        finally:
            process.terminate()
            try:
                process.wait(_END_S)
            finally:
                process.kill()


@dataclass(frozen=True)
class Told:
    """An alert that has come."""

    path: str
    authorization: str
    unix_s: float
    alert: Mapping[str, Any]


@dataclass
class Webhook:
    """Somebody who is told of alerts."""

    server: Server
    told: list[Told] = field(default_factory=list)

    def named(self, name: str) -> list[Told]:
        """All that came of one alert."""
        return [one for one in self.told if one.alert["labels"]["alertname"] == name]


@contextlib.contextmanager
def webhook_listening() -> Iterator[Webhook]:
    """On a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            now_s = time.time()
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            authorization = self.headers["Authorization"] or ""
            webhook.told.extend(Told(self.path, authorization, now_s, alert) for alert in message["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        webhook = Webhook(Server(f"http://127.0.0.1:{server.server_address[1]}"))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield webhook
        finally:
            server.shutdown()
            thread.join()
