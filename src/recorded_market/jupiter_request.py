"""Read the query of Jupiter's `GET /quote`, and refuse it in Jupiter's words."""

from collections.abc import Mapping
from dataclasses import dataclass

from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.dex.pool import SwapMode
from quote_core.units import BPS, U64_MAX, Pubkey

__all__ = ["JupiterQuoteRequest", "JupiterRefusal", "read_quote_request"]

SLIPPAGE_BPS_DEFAULT = 50
_MODES = {"ExactIn": SwapMode.EXACT_IN, "ExactOut": SwapMode.EXACT_OUT}


class JupiterRefusal(Exception):
    """A 400 answer; part of the protocol, not a failure of the server."""

    def __init__(self, message: str, error_code: str = "INVALID_REQUEST") -> None:
        super().__init__(message)
        self.message = message
        self.error_code = error_code

    def body(self) -> dict[str, str]:
        """The answer's JSON."""
        return {"error": self.message, "errorCode": self.error_code}


@dataclass(frozen=True, slots=True, kw_only=True)
class JupiterQuoteRequest:
    """The parameters that decide a quote; parameters about transactions are accepted and have no effect on it."""

    input_mint: Pubkey
    output_mint: Pubkey
    amount: int
    mode: SwapMode
    slippage_bps: int
    platform_fee_bps: int
    only_direct_routes: bool
    labels_wanted: frozenset[str]
    labels_excluded: frozenset[str]

    def accepts(self, label: str) -> bool:
        """Whether the caller wants this DEX."""
        return label not in self.labels_excluded and (not self.labels_wanted or label in self.labels_wanted)


def read_quote_request(query: Mapping[str, str]) -> JupiterQuoteRequest:
    """Read and check a query.

    Raises:
        JupiterRefusal: A parameter is missing or wrong, or the mints are the same.
    """
    request = JupiterQuoteRequest(
        input_mint=_read_mint(query, "inputMint"),
        output_mint=_read_mint(query, "outputMint"),
        amount=_read_int(query, "amount", value_min=1, value_max=U64_MAX),
        mode=_read_mode(query.get("swapMode", "ExactIn")),
        slippage_bps=_read_int(query, "slippageBps", default=SLIPPAGE_BPS_DEFAULT, value_max=BPS),
        platform_fee_bps=_read_int(query, "platformFeeBps", default=0, value_max=BPS),
        only_direct_routes=_read_bool(query, "onlyDirectRoutes"),
        labels_wanted=_read_labels(query, "dexes"),
        labels_excluded=_read_labels(query, "excludeDexes"),
    )
    if request.input_mint == request.output_mint:
        raise JupiterRefusal("Input and output mints are not allowed to be equal", "CIRCULAR_ARBITRAGE_IS_DISABLED")
    return request


def _read_mint(query: Mapping[str, str], name: str) -> Pubkey:
    text = _required(query, name)
    try:
        SoldersPubkey.from_string(text)
    except ValueError:
        raise JupiterRefusal(f"Query parameter {name} cannot be parsed: {text[:64]}") from None
    return Pubkey(text)


def _read_int(
    query: Mapping[str, str], name: str, *, default: int | None = None, value_min: int = 0, value_max: int
) -> int:
    text = _required(query, name) if default is None else query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(U64_MAX))):
        raise JupiterRefusal(f"Query parameter {name} cannot be parsed: {text[:64]}")
    if not value_min <= int(text) <= value_max:
        raise JupiterRefusal(f"Query parameter {name} must be {value_min} to {value_max}, got {text}")
    return int(text)


def _read_mode(text: str) -> SwapMode:
    if text not in _MODES:
        raise JupiterRefusal(f"Query parameter swapMode cannot be parsed: {text[:64]}")
    return _MODES[text]


def _read_bool(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise JupiterRefusal(f"Query parameter {name} cannot be parsed: {text[:64]}")
    return text == "true"


def _read_labels(query: Mapping[str, str], name: str) -> frozenset[str]:
    return frozenset(label for label in query.get(name, "").split(",") if label)


def _required(query: Mapping[str, str], name: str) -> str:
    if name not in query:
        raise JupiterRefusal(f"Failed to deserialize query string: missing field `{name}`")
    return query[name]
