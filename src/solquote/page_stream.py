"""The web page's event stream, for who shows the same in a terminal: topics as they are now, and how the line is.

The aggregator sends every topic whole, and again when it changes (docs/page.md). One thread reads; who draws takes
what there is, whenever it likes. A stream that breaks or falls silent is begun again for as long as it takes, and what
came last stays, with the moment at which it came.
"""

import contextlib
import json
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, BinaryIO, Final, Self

from quote_core.access.caller import Caller
from quote_core.addresses import with_port
from quote_core.clock import Clock
from solquote.http_exchange import ArrivingAnswer, NoHttpAnswer, request_bytes

__all__ = ["TOPICS", "PageAway", "PageFollower", "PageView", "Topic", "topics_of"]

TOPICS: Final = ("hello", "pulse", "switch", "bus", "processes", "quotes", "pools", "opportunities", "plans", "profit")
"""Those of the overview; logs and settings have commands of their own."""
_SILENCE_S_MAX: Final = 5.0
"""The page's pulse comes every second."""
_RETRY_S_MIN: Final = 0.5
_RETRY_S_MAX: Final = 5.0
_END_S_MAX: Final = 0.5
_LINE_BYTES_MAX: Final = 4 * 1024 * 1024
_ERROR_BYTES_MAX: Final = 64 * 1024
_PATH: Final = "/page/live"


class PageAway(Exception):
    """The stream cannot be had; `is_off` when the aggregator is there, and serves no page."""

    def __init__(self, sentence: str, *, is_off: bool = False) -> None:
        super().__init__(sentence)
        self.is_off = is_off


@dataclass(frozen=True, slots=True)
class Topic:
    """All of a topic, in the names of the wire."""

    content: Mapping[str, Any]
    taken_mono_ns: int
    """When it came, by the clock of whoever shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """What there is to show at one moment."""

    topics: Mapping[str, Topic] = field(default_factory=dict)
    trouble: str = ""
    """Why nothing comes any more; empty while the line is live."""
    heard_mono_ns: int = 0
    """When anything last came."""

    def content(self, topic: str) -> Mapping[str, Any]:
        """Of a topic; empty before it has come."""
        return self.topics[topic].content if topic in self.topics else {}

    def age_ns(self, topic: str, *, now_mono_ns: int) -> int:
        """Since a topic came."""
        return max(0, now_mono_ns - self.topics[topic].taken_mono_ns) if topic in self.topics else 0


def topics_of(lines: Iterable[bytes]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and content of each event of a stream; what is no event of the overview is passed over.

    Raises:
        ValueError: What came is no JSON object.
    """
    name = ""
    for line in lines:
        kind, _, value = line.rstrip(b"\r\n").partition(b": ")
        if kind == b"event":
            name = value.decode(errors="replace")
        elif kind == b"data" and name in TOPICS:
            content = json.loads(value)
            if not isinstance(content, dict):
                raise ValueError("an event of the page is not an object")
            yield name, content


class PageFollower:
    """Follows one aggregator's page.

    Args:
        host: Of its HTTP API.
        port: Of it.
        clock: Dates what comes.
        caller: Who asks, and over what.
    """

    def __init__(self, host: str, port: int, *, clock: Clock, caller: Caller | None = None) -> None:
        self._host = host
        self._port = port
        self._clock = clock
        self._caller = caller if caller is not None else Caller()
        self._view = PageView()
        self._socket: socket.socket | None = None
        self._ending = threading.Event()
        self.news = threading.Condition()
        """Told of every topic, and of every change of the line."""

    @property
    def where(self) -> str:
        """For sentences."""
        return f"the aggregator's page at {self._caller.scheme}://{with_port(self._host, self._port)}/"

    @property
    def view(self) -> PageView:
        """What there is now."""
        return self._view

    @contextlib.contextmanager
    def following(self, *, timeout_s: float) -> Iterator[Self]:
        """Connect, and read while the context lasts.

        Raises:
            PageAway: The first try failed.
        """
        stream = self._connected(timeout_s)
        reading = threading.Thread(target=self._follow, args=(stream,), daemon=True)
        reading.start()
        try:
            yield self
        finally:
            self._ending.set()
            if self._socket is not None:
                with contextlib.suppress(OSError):  # it is closed already
                    self._socket.shutdown(socket.SHUT_RDWR)  # which wakes the reader; closing would not
            reading.join(_END_S_MAX)

    def _connected(self, timeout_s: float) -> BinaryIO:
        """A stream that has begun."""
        answer = ArrivingAnswer(_ERROR_BYTES_MAX)
        with contextlib.ExitStack() as unless_begun:
            try:
                connection = socket.create_connection((self._host, self._port), timeout=timeout_s)
                unless_begun.callback(connection.close)
                if self._caller.context is not None:
                    connection = self._caller.context.wrap_socket(connection, server_hostname=self._host)
                    unless_begun.callback(connection.close)
                host = with_port(self._host, self._port)
                connection.sendall(request_bytes(_PATH, host=host, fields=self._caller.headers()))
                stream = unless_begun.enter_context(connection.makefile("rb"))
                while answer.status is None:  # line by line, so that what follows stays in the stream
                    answer.take(stream.readline(_LINE_BYTES_MAX))
                if answer.status == HTTPStatus.OK:
                    connection.settimeout(_SILENCE_S_MAX)
                    self._socket = connection
                    unless_begun.pop_all()
                    return stream
                while not answer.take(stream.read1(_ERROR_BYTES_MAX)):
                    pass
            except TimeoutError:
                raise PageAway(f"{self.where} did not answer within {timeout_s:g} s") from None
            except (OSError, NoHttpAnswer):
                raise PageAway(f"{self.where} cannot be reached") from None
        if answer.status == HTTPStatus.NOT_FOUND:
            raise PageAway(f"{self.where} is switched off (SOLQUOTE_AGGREGATOR_PAGE)", is_off=True)
        raise PageAway(f"{self.where} says: {_said(answer.content) or f'HTTP {answer.status}'}")

    def _follow(self, stream: BinaryIO) -> None:
        while not self._ending.is_set():
            trouble = self._read(stream)
            retry_s = _RETRY_S_MIN
            while not self._ending.is_set():
                self._lost(trouble)
                if self._ending.wait(retry_s):
                    return
                retry_s = min(2 * retry_s, _RETRY_S_MAX)
                try:
                    stream = self._connected(_SILENCE_S_MAX)
                    break
                except PageAway as away:
                    trouble = str(away)

    def _read(self, stream: BinaryIO) -> str:
        """Take what comes until nothing does; why nothing does."""
        try:
            with stream:
                for name, content in topics_of(iter(lambda: stream.readline(_LINE_BYTES_MAX), b"")):
                    self._take(name, content)
        except TimeoutError:
            return f"{self.where} is silent"
        except OSError:
            pass
        except ValueError:
            return f"{self.where} sends something else than its topics"
        finally:
            if self._socket is not None:
                self._socket.close()
        return f"{self.where} has gone"

    def _take(self, name: str, content: Mapping[str, Any]) -> None:
        now_mono_ns = self._clock.mono_ns()
        topics = {**self._view.topics, name: Topic(content, now_mono_ns)}
        self._show(PageView(topics=topics, heard_mono_ns=now_mono_ns))

    def _lost(self, trouble: str) -> None:
        self._show(PageView(topics=self._view.topics, trouble=trouble, heard_mono_ns=self._view.heard_mono_ns))

    def _show(self, view: PageView) -> None:
        with self.news:
            self._view = view
            self.news.notify_all()


def _said(body: bytes | bytearray) -> str:
    """The sentence of an error in the dialect of our ports."""
    try:
        content = json.loads(body)
    except ValueError:
        return ""
    return str(content.get("error", "")) if isinstance(content, dict) else ""
