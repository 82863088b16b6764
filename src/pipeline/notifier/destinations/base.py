"""What delivery asks of a destination."""

from typing import Protocol

from pipeline.notifier.wording import Message
from quote_core.errors import ProviderUnavailable

__all__ = ["ALERTS_A_MESSAGE_MAX", "Destination", "MessageRefused"]

ALERTS_A_MESSAGE_MAX = 20
"""More are told with the next message."""


class MessageRefused(ProviderUnavailable):  # told from its parent in `delivery` alone; others may try again as ever
    """The other side finds fault with what it was sent, not with when or by whom."""


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
            MessageRefused: It does not take this message.
            UpstreamError: It has not taken it, or nobody knows. No secret is in the reason.
        """
        ...
