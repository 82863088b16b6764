import base64
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from fakes.ports import free_port
from fakes.pyroscope import Pyroscope, pyroscope
from fakes.waiting import until
from structlog.testing import capture_logs

from quote_core.telemetry import sent_profiles
from quote_core.telemetry.sent_profiles import sending_profiles

WINDOW_NS = 100_000_000
SHORT = {"window_ns": WINDOW_NS, "samples_per_s": 100}


@pytest.fixture
def server() -> Iterator[Pyroscope]:
    with pyroscope() as running:
        yield running


def waits_here(ended: threading.Event) -> None:
    ended.wait()


def test_windows_are_sent_as_pyroscope_takes_them(server: Pyroscope) -> None:
    ended = threading.Event()
    beside = threading.Thread(target=waits_here, args=(ended,), name="a thread; beside")
    beside.start()
    began_s = int(time.time())
    with sending_profiles("scanner", endpoint=server.url + "/", **SHORT):
        until(lambda: len(server.sent) >= 2)
    ended.set()
    beside.join()
    for sent in server.sent:
        assert sent.path == "/ingest"
        name = sent.query.pop("name")
        assert re.fullmatch(rf"solquote\.scanner\.wall\{{host=[^,{{}}]+,pid={os.getpid()}\}}", name)
        assert began_s <= int(sent.query.pop("from")) <= int(sent.query.pop("until")) <= time.time()
        assert sent.query == {
            "format": "folded",
            "sampleRate": "1000",
            "units": "samples",
            "aggregationType": "sum",
            "spyName": "solquote",
        }
        (stack,) = (stack for stack in sent.stacks if stack[0] == "a thread, beside")
        assert f"{__name__}.waits_here" in stack
        weights_ms = [
            sum(weight for stack, weight in sent.stacks.items() if stack[0] == thread)
            for thread in ("MainThread", "a thread, beside")
        ]
        assert weights_ms[1] >= WINDOW_NS / 1e6 - 1
        assert weights_ms[0] == pytest.approx(weights_ms[1], abs=len(sent.stacks))  # each is rounded by itself
        assert "profiles" not in {stack[0] for stack in sent.stacks}  # who looks is not seen


def test_without_an_endpoint_there_is_no_thread() -> None:
    before = threading.active_count()
    with sending_profiles("scanner", endpoint="", **SHORT):
        assert threading.active_count() == before


def test_it_ends_with_its_context_and_leaves_the_interpreter_as_it_was(server: Pyroscope) -> None:
    before_s = sys.getswitchinterval()
    with sending_profiles("scanner", endpoint=server.url, window_ns=60_000_000_000, samples_per_s=100):
        until(lambda: sys.getswitchinterval() != before_s)
    until(lambda: not any(thread.name == "profiles" for thread in threading.enumerate()))
    assert sys.getswitchinterval() == before_s
    assert server.sent == []


def test_who_is_in_the_url_is_shown_and_stands_in_no_log(server: Pyroscope) -> None:
    url = server.url.replace("http://", "http://me:a%2Fkey@")
    server.answer = HTTPStatus.UNAUTHORIZED
    with capture_logs() as logs, sending_profiles("scanner", endpoint=url, **SHORT):
        until(lambda: logs)
    assert server.sent[0].headers["Authorization"] == f"Basic {base64.b64encode(b'me:a/key').decode()}"
    assert "401" in logs[0]["reason"]
    assert "key" not in str(logs)


def test_while_it_is_away_pauses_grow_and_it_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    class CalledOff(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout and timeout >= WINDOW_NS / 1e9:
                pauses.append(timeout)
                return len(pauses) >= 7 and (self.set() or True)
            return super().wait(timeout)

    monkeypatch.setattr(sent_profiles.threading, "Event", CalledOff)
    endpoint = f"http://127.0.0.1:{free_port()}"
    with capture_logs() as logs, sending_profiles("scanner", endpoint=endpoint, **SHORT):
        until(lambda: len(pauses) >= 7)
    assert [round(pause * 1e9 / WINDOW_NS) for pause in pauses] == [1, 2, 4, 8, 16, 16, 16]
    assert [line["event"] for line in logs] == ["a profile could not be sent"]


def test_when_it_is_back_windows_follow_each_other_again(server: Pyroscope) -> None:
    server.answer = HTTPStatus.SERVICE_UNAVAILABLE
    with capture_logs() as logs, sending_profiles("scanner", endpoint=server.url, **SHORT):
        until(lambda: logs)
        server.answer = HTTPStatus.OK
        until(lambda: len(logs) == 2)
    assert logs[1]["event"] == "profiles are sent again"
