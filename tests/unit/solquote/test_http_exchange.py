"""What is sent, and that an answer is the same however it is cut into parts."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solquote.http_exchange import ArrivingAnswer, NoHttpAnswer, request_bytes


def taken(parts: list[bytes], *, bytes_max: int = 1_000) -> tuple[ArrivingAnswer, bytes]:
    """An answer after all the parts that it wants, and those that it left; nothing after the last is a hang-up."""
    answer = ArrivingAnswer(bytes_max)
    left = [*parts, b""]
    while not answer.take(left.pop(0)):
        assert left, "waits for more than a hang-up"
    return answer, b"".join(left)


def test_a_request_says_what_it_is_and_nothing_more():
    assert request_bytes("/a?b=c", host="[::1]:80") == b"GET /a?b=c HTTP/1.0\r\nHost: [::1]:80\r\n\r\n"
    assert request_bytes("/a", host="h", content=b"{}", fields={"Authorization": "Bearer x"}) == (
        b"POST /a HTTP/1.0\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        b"Authorization: Bearer x\r\n\r\n{}"
    )


@pytest.mark.parametrize(
    ("said", "status", "content", "left"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\nall", 200, b"all", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", b""),
        (b"HTTP/1.1 503 No\r\ncontent-LENGTH: 2\r\n\r\n{}", 503, b"{}", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b"", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc", 200, b"abc", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 200, b"abc", b""),
        (b"HTTP/1.1 200 OK\r\n\r\na\r\n\r\nb", 200, b"a\r\n\r\nb", b""),
    ],
)
def test_status_and_content_are_those_of_the_answer(said: bytes, status: int, content: bytes, left: bytes):
    whole, rest = taken([said])
    assert (whole.status, bytes(whole.content), rest) == (status, content, left)
    by_bytes, rest = taken([bytes([byte]) for byte in said])
    assert (by_bytes.status, bytes(by_bytes.content), rest) == (status, content, left)


def test_an_answer_that_says_its_length_is_whole_without_a_hang_up():
    answer = ArrivingAnswer(1_000)
    assert not answer.take(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{")
    assert answer.take(b"}")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"])
def test_what_is_endless_is_waited_for_within_the_bound(head: bytes):
    answer = ArrivingAnswer(100)
    assert not answer.take(head)
    assert not answer.take(b"a" * 99)
    assert answer.take(b"a")


def test_a_head_without_end_is_no_answer():
    answer = ArrivingAnswer(100)
    assert not answer.take(b"HTTP/1.1 200 OK" + b"a" * 65_000)
    with pytest.raises(NoHttpAnswer):
        answer.take(b"a" * 1_000)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 what\r\n\r\n", b"\r\n\r\n"])
def test_what_does_not_speak_http_is_no_answer(said: bytes):
    with pytest.raises(NoHttpAnswer):
        taken([said])


@given(said=st.binary(max_size=80) | st.binary(max_size=40).map(b"HTTP/1.1 200 OK\r\n\r\n".__add__), cuts=st.data())
def test_how_an_answer_is_cut_changes_nothing(said: bytes, cuts: st.DataObject):
    places = sorted(cuts.draw(st.sets(st.integers(1, max(1, len(said) - 1)), max_size=8)))
    parts = [said[begin:end] for begin, end in zip([0, *places], [*places, len(said)], strict=True)]
    outcomes = []
    for cut in ([said], [part for part in parts if part]):
        try:
            answer, _ = taken(cut)
            outcomes.append((answer.status, bytes(answer.content)))
        except NoHttpAnswer:
            outcomes.append(None)
    assert outcomes[0] == outcomes[1]


def test_nothing_is_loaded_for_it():
    code = "import sys; before = set(sys.modules); import solquote.http_exchange; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {name for name in loaded if not name.startswith("solquote")} & {"http.client", "asyncio", "email", "ssl"}
