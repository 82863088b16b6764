"""Which provider's answers are read by which module: for whoever has an answer's bytes and no connection."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from external_quote.providers import dflow, jupiter, okx, raydium
from external_quote.providers.base import ProviderQuote
from quote_core.errors import LayoutMismatch
from quote_core.quotes import QuoteKey

__all__ = ["read_provider_answer"]

_READERS: Final[Mapping[str, Callable[[str, QuoteKey, bytes], ProviderQuote]]] = MappingProxyType(
    {
        "dflow": dflow.read_quote,
        "jupiter": jupiter.read_quote,
        "okx": okx.read_quote,
        "quicknode": jupiter.read_quote,
        "raydium": raydium.read_quote,
    }
)


def read_provider_answer(provider: str, key: QuoteKey, body: bytes) -> ProviderQuote:
    """What a provider's answer says, checked as when it came.

    Raises:
        SolquoteError: It is no such answer, or of a provider that is not known here; see `Provider.quote`.
    """
    read = _READERS.get(provider)
    if read is None:
        raise LayoutMismatch(provider, "is no provider whose answers are read here")
    return read(provider, key, body)
