"""What the NATS client raises, in the words of this project."""

import contextlib
from collections.abc import Iterator
from typing import Final

from nats.errors import Error as NatsError

from quote_core.cancellation import heed_cancellation
from quote_core.errors import ProviderUnavailable

__all__ = ["NATS", "upstream_errors"]

NATS: Final = "nats"
"""What the bus is called in errors."""


@contextlib.contextmanager
def upstream_errors() -> Iterator[None]:
    """Translate what the NATS client raises.

    Raises:
        ProviderUnavailable: NATS did not do its part.
    """
    try:
        yield
    except (NatsError, TimeoutError, OSError) as error:
        heed_cancellation()
        raise ProviderUnavailable(NATS, str(error) or type(error).__name__) from error
    heed_cancellation()
