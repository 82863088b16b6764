"""What the NATS client raises, in the words of this project."""

from types import TracebackType
from typing import Final

from nats.errors import Error as NatsError

from quote_core.cancellation import heed_cancellation
from quote_core.errors import ProviderUnavailable

__all__ = ["NATS", "upstream_errors"]

NATS: Final = "nats"
"""What the bus is called in errors."""


class _UpstreamErrors:
    """See `upstream_errors`. No generator, which would cost four times as much around every message."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if error is None:
            heed_cancellation()
        elif isinstance(error, NatsError | TimeoutError | OSError):
            heed_cancellation()
            raise ProviderUnavailable(NATS, str(error) or type(error).__name__) from error


_UPSTREAM_ERRORS: Final = _UpstreamErrors()


def upstream_errors() -> _UpstreamErrors:
    """Translate what the NATS client raises.

    Raises:
        ProviderUnavailable: NATS did not do its part.
    """
    return _UPSTREAM_ERRORS
