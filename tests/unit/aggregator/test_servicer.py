"""What a single request costs to read, and what is kept of it."""

import sys
from typing import Any

import pytest

from aggregator.servicer import AggregatorServicer
from quote_core.errors import InvalidField
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.quotes import QuoteKey
from quote_core.tokens import TokenRegistry, load_tokens

TOKENS = load_tokens()
SOL, USDC = (TOKENS.resolve(symbol, field="").mint for symbol in ("SOL", "USDC"))
REQUEST = pb.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=7).SerializeToString()
UNKNOWN_FIELD = b"\xfa\x01\xff\x7f" + bytes(16_383)  # number 31, by its length; protobuf passes it over


class HeldRows:
    """Every row is held; it is told by its amount."""

    def held_body(self, key: QuoteKey) -> bytes:
        return str(key.input_amount).encode()


class CountingTokens:
    """The registry, and how often it was asked."""

    def __init__(self, tokens: TokenRegistry) -> None:
        self._tokens = tokens
        self.asked_count = 0

    def pair(self, input_mint: str, output_mint: str) -> Any:
        self.asked_count += 1
        return self._tokens.pair(input_mint, output_mint)


@pytest.fixture
def tokens() -> CountingTokens:
    return CountingTokens(TOKENS)


@pytest.fixture
def servicer(tokens: CountingTokens) -> AggregatorServicer:
    anything: Any = None
    rows: Any = HeldRows()
    registry: Any = tokens
    return AggregatorServicer(
        tokens=registry, fanout=rows, feeds=anything, routes=anything, evidence=anything, health=anything
    )


async def test_a_request_that_came_before_is_not_read_again(
    servicer: AggregatorServicer, tokens: CountingTokens
) -> None:
    assert [await servicer.get_quote(bytes(bytearray(REQUEST))) for _ in range(3)] == [b"7"] * 3
    assert tokens.asked_count == 1


async def test_a_long_request_is_answered_and_not_kept(servicer: AggregatorServicer) -> None:
    request = REQUEST + UNKNOWN_FIELD
    count_before = sys.getrefcount(request)
    assert await servicer.get_quote(request) == b"7"
    assert sys.getrefcount(request) == count_before


async def test_what_is_no_request_is_refused_by_name(servicer: AggregatorServicer) -> None:
    with pytest.raises(InvalidField, match="request: is no AggregatedQuoteRequest"):
        await servicer.get_quote(b"\xff")
