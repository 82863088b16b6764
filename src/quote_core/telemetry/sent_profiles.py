"""Sends where the threads of this process are to a Pyroscope, all the time, when a setting names one.

A thread of its own looks (`stack_profile`) for a window, sends that as folded stacks to `/ingest`, and begins anew.
What it keeps is one window: nothing waits to be sent, a window that could not be sent is gone. While Pyroscope is away
there are pauses, longer each time, in which nobody looks either. Measured by `benchmarks/profiles.py`.

The profile's type is `wall`: a thread that waits is seen in what it waits by, and counts like one that works.
Source of the interface: grafana/pyroscope, docs/sources/reference-server-api, and its ingest adapter, which wants the
type as the last part of the name.
"""

import base64
import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

import structlog

from quote_core.addresses import is_proxied, redacted_url
from quote_core.clock import SYSTEM_CLOCK
from quote_core.telemetry.stack_profile import StackProfile, sample_stacks, turns_in_short
from quote_core.units import NS_PER_S

__all__ = ["sending_profiles"]

_SEND_S_MAX: Final = 5.0
_PAUSE_WINDOWS_MAX: Final = 16
"""Of the pause after a window that could not be sent; it doubles from one window up to here."""
_COUNTS_PER_S: Final = 1_000
"""A count of folded stacks is a millisecond."""

_log: Final = structlog.get_logger(part="profiles")


@contextlib.contextmanager
def sending_profiles(process: str, *, endpoint: str, window_ns: int, samples_per_s: int) -> Iterator[None]:
    """Look and send while the context lasts; whoever leaves it does not wait for what is being sent.

    Args:
        process: Whose profile it is.
        endpoint: Of a Pyroscope; user and password in it are shown to it. Empty = nothing is done.
        window_ns: How much is sent at once.
        samples_per_s: How often it is looked.
    """
    if not endpoint:
        yield
        return
    call_off = threading.Event()
    sender = _Sender(process, endpoint, window_ns=window_ns, samples_per_s=samples_per_s, call_off=call_off)
    threading.Thread(target=sender.run, name="profiles", daemon=True).start()
    try:
        yield
    finally:
        call_off.set()


class _Sender:
    def __init__(
        self, process: str, endpoint: str, *, window_ns: int, samples_per_s: int, call_off: threading.Event
    ) -> None:
        self._ingest = _Ingest(endpoint)
        self._shown = redacted_url(endpoint)
        self._name = f"solquote.{process}.wall{{host={socket.gethostname()},pid={os.getpid()}}}"
        self._window_s = window_ns / NS_PER_S
        self._samples_per_s = samples_per_s
        self._call_off = call_off
        self._pause_windows = 0

    def run(self) -> None:
        """Window after window, until called off."""
        while not self._call_off.is_set():
            profile, from_s = StackProfile(self._name), time.time()
            with turns_in_short():
                is_whole = sample_stacks(
                    profile,
                    seconds=self._window_s,
                    clock=SYSTEM_CLOCK,
                    call_off=self._call_off,
                    is_wanted=lambda: True,
                    samples_per_s=self._samples_per_s,
                )
            if is_whole:
                self._send(profile.folded(), from_s, time.time())
                self._call_off.wait(self._pause_windows * self._window_s)

    def _send(self, folded: bytes, from_s: float, until_s: float) -> None:
        try:
            self._ingest.post(folded, name=self._name, from_s=from_s, until_s=until_s)
        except (OSError, ValueError) as error:  # also what HTTP answers, and what is no answer
            if not self._pause_windows:
                _log.warning("a profile could not be sent", to=self._shown, reason=str(error) or type(error).__name__)
            self._pause_windows = min(2 * self._pause_windows or 1, _PAUSE_WINDOWS_MAX)
        else:
            if self._pause_windows:
                _log.info("profiles are sent again", to=self._shown)
            self._pause_windows = 0


class _Ingest:
    """Pyroscope's interface for whoever sends."""

    def __init__(self, endpoint: str) -> None:
        from urllib.request import ProxyHandler, build_opener  # noqa: PLC0415  # who sends nothing needs no HTTP client

        parts = urlsplit(endpoint)
        self._url = urlunsplit(
            (parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/") + "/ingest", "", "")
        )
        self._headers = {"Content-Type": "text/plain"}
        if parts.username is not None:
            shown = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(shown.encode()).decode()}"
        self._opener = build_opener() if is_proxied(endpoint) else build_opener(ProxyHandler({}))

    def post(self, folded: bytes, *, name: str, from_s: float, until_s: float) -> None:
        """Send one window.

        Raises:
            OSError: It was not taken.
            ValueError: What answered does not speak HTTP.
        """
        from http.client import HTTPException  # noqa: PLC0415  # as above
        from urllib.request import Request  # noqa: PLC0415  # the same

        query = {
            "name": name,
            "from": int(from_s),
            "until": int(until_s),
            "format": "folded",
            "sampleRate": _COUNTS_PER_S,
            "units": "samples",
            "aggregationType": "sum",
            "spyName": "solquote",
        }
        request = Request(f"{self._url}?{urlencode(query)}", folded, self._headers, method="POST")  # noqa: S310  # HttpUrl
        try:
            with self._opener.open(request, timeout=_SEND_S_MAX):
                pass
        except HTTPException as error:
            raise ValueError(f"no HTTP: {error}") from None
