"""What delivery asks of a destination."""

from typing import Protocol

from pipeline.notifier.wording import Message

__all__ = ["ALERTS_A_MESSAGE_MAX", "Destination"]

ALERTS_A_MESSAGE_MAX = 20
"""More are told with the next message."""


class Destination(Protocol):
    """One way to tell people."""

    @property
    def name(self) -> str:
        """As in settings, metrics and logs."""
        ...

    async def send(self, message: Message) -> str:
        """Tell; return once the other side has taken it.

        Returns:
            What is wrong all the same, such as a recipient who is refused; empty when nothing is.

        Raises:
            RateLimited: Not now; says when.
            UpstreamError: It has not taken it, or nobody knows. No secret is in the reason.
        """
        ...
