import json
import time

import pytest

from solquote.supervisor.log_shape import fields_of, readable, shaped

NOW_NS = 1_785_412_801_500_000_000
OURS = b'{"timestamp": "2026-07-30T12:00:01Z", "level": "info", "service": "scanner", "event": "hi", "port": 7}'


def kept(line: bytes, service: str = "scanner") -> dict[str, object]:
    return json.loads(shaped(line, service=service, unix_ns=NOW_NS))


def test_a_line_of_ours_stays_as_it_is():
    assert shaped(OURS, service="scanner", unix_ns=NOW_NS) == OURS


def test_what_a_structured_line_lacks_is_added():
    told = kept(b'{"event": "hi", "level": "warning", "list": [1]}')
    assert told == {
        "timestamp": "2026-07-30T12:00:01.500000Z",
        "level": "warning",
        "service": "scanner",
        "event": "hi",
        "list": [1],
    }
    assert list(told)[:4] == ["timestamp", "level", "service", "event"]


@pytest.mark.parametrize("line", [b"Traceback (most recent call last):", b"  File x", b"{not json", b"\xff", b"[1]"])
def test_any_other_line_is_an_error_with_the_time_it_came(line: bytes):
    assert kept(line) == {
        "timestamp": "2026-07-30T12:00:01.500000Z",
        "level": "error",
        "service": "scanner",
        "event": line.decode(errors="replace"),
    }


@pytest.mark.parametrize("line", [b"", b"  ", b"[7] 2026/07/30 12:00:01.500000 [INF] "])
def test_a_line_that_says_nothing_is_left_out(line: bytes):
    assert shaped(line, service="nats_server", unix_ns=NOW_NS) == b""


@pytest.mark.parametrize(
    ("mark", "level"), [("INF", "info"), ("WRN", "warning"), ("ERR", "error"), ("FTL", "critical")]
)
def test_nats_server_tells_level_and_local_time(mark: str, level: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "UTC-2")
    time.tzset()
    try:
        told = kept(f"[77] 2026/07/30 14:00:01.500000 [{mark}] Server is ready".encode(), "nats_server")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert told == {
        "timestamp": "2026-07-30T12:00:01.500000Z",
        "level": level,
        "service": "nats_server",
        "event": "Server is ready",
    }


def test_on_a_terminal_a_line_is_words_without_control_characters():
    assert "".join(piece for piece, _ in readable(OURS.decode())) == "info    hi  port=7"
    assert "".join(piece for piece, _ in readable('{"event": "a\\u001b[31mb", "level": "error"}')) == "error   a[31mb"
    assert readable("plain\x07") == [("plain", "default")]


def test_only_an_object_with_an_event_is_a_structured_line():
    assert fields_of('{"event": "hi"}') == {"event": "hi"}
    assert [fields_of(text) for text in ("", "{", "[1]", '{"no": "event"}', "plain")] == [None] * 5
