"""Following the page's stream: what is read of it, that its loss is told, and that it comes back."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from fakes.ports import free_port
from fakes.waiting import DEADLINE_S

from quote_core.clock import SYSTEM_CLOCK
from solquote.page_stream import PageAway, PageFollower, topics_of


def event(name: str, content: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n".encode()


def test_the_topics_of_the_overview_are_read_and_the_others_passed_over():
    stream = event("hello", {"size": 1}) + event("log", {"lines": []}) + b": a comment\n\n" + event("pulse", {"a": 2})
    assert list(topics_of(stream.splitlines(keepends=True))) == [("hello", {"size": 1}), ("pulse", {"a": 2})]


@pytest.mark.parametrize("data", [b"data: {\n", b"data: 5\n", b"data: \xff\n"])
def test_what_is_no_object_is_refused(data: bytes):
    with pytest.raises(ValueError, match=r".*"):
        list(topics_of([b"event: pulse\n", data]))


class _Page(BaseHTTPRequestHandler):
    """Answers `/page/live` with what the test says, and goes on until it is told to end."""

    status: ClassVar[int] = 200
    body: ClassVar[bytes] = b""
    ends: ClassVar[threading.Event]

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)
        self.wfile.flush()
        if self.status == 200:
            self.ends.wait(DEADLINE_S)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def page(port: int, *, status: int = 200, body: bytes = b"") -> Iterator[threading.Event]:
    """A server with that page; the event ends its streams."""
    ends = threading.Event()
    handler = type("Page", (_Page,), {"status": status, "body": body, "ends": ends})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield ends
        finally:
            ends.set()
            server.shutdown()
            thread.join()


def until(follower: PageFollower, condition: Callable[[], object]) -> None:
    with follower.news:
        assert follower.news.wait_for(condition, DEADLINE_S), follower.view


def test_a_stream_that_ends_is_told_with_what_came_last_and_followed_again_when_it_is_back():
    port = free_port()
    follower = PageFollower("127.0.0.1", port, clock=SYSTEM_CLOCK)
    with contextlib.ExitStack() as stack:
        with page(port, body=event("pulse", {"unixMs": 1})):
            stack.enter_context(follower.following(timeout_s=DEADLINE_S))
            until(follower, lambda: "pulse" in follower.view.topics)
            heard_mono_ns = follower.view.heard_mono_ns
            assert follower.view.trouble == ""
        until(follower, lambda: follower.view.trouble)
        assert follower.view.content("pulse") == {"unixMs": 1}
        assert follower.view.heard_mono_ns == heard_mono_ns
        until(follower, lambda: "cannot be reached" in follower.view.trouble)
        with page(port, body=event("pulse", {"unixMs": 2})):
            until(follower, lambda: follower.view.content("pulse") == {"unixMs": 2})
            assert follower.view.trouble == ""
            stack.close()


@pytest.mark.parametrize(
    ("status", "body", "sentence", "is_off"),
    [
        (404, b"", "is switched off (SOLQUOTE_AGGREGATOR_PAGE)", True),
        (503, b'{"error": "32 browsers follow it already"}', "says: 32 browsers follow it already", False),
        (500, b"<html>", "says: HTTP 500", False),
    ],
)
def test_a_page_that_is_not_served_says_why(status: int, body: bytes, sentence: str, is_off: bool):
    port = free_port()
    with page(port, status=status, body=body), pytest.raises(PageAway) as raised:
        PageFollower("127.0.0.1", port, clock=SYSTEM_CLOCK).following(timeout_s=DEADLINE_S).__enter__()
    assert sentence in str(raised.value)
    assert raised.value.is_off is is_off


def test_nobody_there_is_said_at_once():
    follower = PageFollower("127.0.0.1", free_port(), clock=SYSTEM_CLOCK)
    with pytest.raises(PageAway, match="cannot be reached"), follower.following(timeout_s=DEADLINE_S):
        pass
