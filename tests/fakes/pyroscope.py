"""A Pyroscope's way in: keeps what processes send it, and may refuse it."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Sent:
    """One request."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str

    @property
    def stacks(self) -> dict[tuple[str, ...], int]:
        """Milliseconds by stack."""
        lines = [line.rpartition(" ") for line in self.body.splitlines()]
        return {tuple(stack.split(";")): int(count) for stack, _, count in lines}


@dataclass
class Pyroscope:
    url: str = ""
    sent: list[Sent] = field(default_factory=list)
    answer: HTTPStatus = HTTPStatus.OK


@contextlib.contextmanager
def pyroscope() -> Iterator[Pyroscope]:
    """One that listens while the context lasts."""
    kept = Pyroscope()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=True).items()}
            kept.sent.append(Sent(parts.path, query, dict(self.headers), body))
            self.send_response(kept.answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()
