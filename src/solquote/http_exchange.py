"""One HTTP exchange as bytes: a request to send, and its answer as it arrives; sockets are their users' matter.

For what a platform runs on this machine, asked by commands that begin sooner without an HTTP library. A request is of
HTTP 1.0: the server then says no more than the answer, never in chunks, and hangs up. Standard library only: a stop is
told by this.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["ArrivingAnswer", "NoHttpAnswer", "request_bytes"]

_HEAD_END: Final = b"\r\n\r\n"
_HEAD_BYTES_MAX: Final = 65_536


class NoHttpAnswer(ValueError):
    """What answers does not speak HTTP, or stopped in the middle of saying how it went."""


def request_bytes(
    target: str, *, host: str, content: bytes | None = None, fields: Mapping[str, str] | None = None
) -> bytes:
    """A GET, or with content, which is JSON, a POST.

    Args:
        target: Path and query.
        host: With the port.
        content: What is posted.
        fields: More of the head; without line breaks.
    """
    lines = [f"{'GET' if content is None else 'POST'} {target} HTTP/1.0", f"Host: {host}"]
    if content is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (fields or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode(errors="replace") + (content or b"")


class ArrivingAnswer:
    """An answer, part by part.

    Args:
        content_bytes_max: What is beyond this is not waited for.
    """

    def __init__(self, content_bytes_max: int) -> None:
        self.status: int | None = None
        """The HTTP status, once the head is there."""
        self.content = bytearray()
        """What has come of it."""
        self._content_bytes_max = content_bytes_max
        self._length: int | None = None
        self._head = bytearray()

    def take(self, part: bytes) -> bool:
        """Take in what came, nothing when the other side has hung up; whether that was all.

        Raises:
            NoHttpAnswer: It is not HTTP.
        """
        if self.status is None:
            self._head += part
            self._look_at_head(is_all=not part)
        else:
            self.content += part
        wanted = self._content_bytes_max if self._length is None else min(self._length, self._content_bytes_max)
        return not part or (self.status is not None and len(self.content) >= wanted)

    def _look_at_head(self, *, is_all: bool) -> None:
        head, end, content = bytes(self._head).partition(_HEAD_END)
        if not end:
            if is_all or len(head) > _HEAD_BYTES_MAX:
                raise NoHttpAnswer
            return
        line, *fields = head.split(b"\r\n")
        version, _, rest = line.partition(b" ")
        if not version.startswith(b"HTTP/") or not rest[:3].isdigit():
            raise NoHttpAnswer
        self.status = int(rest[:3])
        self.content += content
        self._length = _length_in(fields)


def _length_in(fields: list[bytes]) -> int | None:
    """How long the content is, where the head says it."""
    for field in fields:
        name, _, value = field.partition(b":")
        if name.lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return None
