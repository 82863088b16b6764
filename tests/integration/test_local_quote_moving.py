"""While the market moves: every streamed quote equals the pool's own arithmetic at the slot the quote names.

The recorded market with the same seed is the same bytes at the same slot, so a second one, played in the test, is the
judge. A quote from a mixture of slots (one vault old, one new) would not pass.
"""

import asyncio

import pytest
from fakes.recorded_market_process import recorded_market_process
from fakes.replayed_market import assert_exact
from fakes.running_local_quote import local_quote
from fakes.waiting import DEADLINE_S

from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

REGISTRY = load_tokens()
SEED = 11
QUOTE_COUNT = 1_000
LEARNING_BATCH_COUNT = 40  # which accounts of a pool change together is learned from its first swaps


def request() -> quotes_pb2.BatchQuoteRequest:
    pairs = [
        quotes_pb2.TokenPair(
            input_mint=one.mint, output_mint=other.mint, amounts=[10**one.decimals * size for size in (1, 10, 100)]
        )
        for pair in REGISTRY.pairs
        for one, other in pair.directions()
    ]
    return quotes_pb2.BatchQuoteRequest(pairs=pairs, refresh_interval_ms=60_000)


async def streamed_quotes() -> list[local_quote_pb2.LocalQuote]:
    """Quotes of a moving market."""
    quotes: list[local_quote_pb2.LocalQuote] = []
    with recorded_market_process(seed=SEED, slot_time="40ms") as market:
        node = {"rpc_url": market.rpc_url, "rpc_ws_url": market.websocket_url}
        async with local_quote(**node, companion_wait="500ms") as service:  # however busy this machine is
            await service.until_figure("directions_quoted", 24)
            await service.until_figure("feed_live", 1)
            call = service.stub.StreamQuoteBatches(request())
            async with asyncio.timeout(DEADLINE_S):
                for _ in range(LEARNING_BATCH_COUNT):
                    await call.read()
                while len(quotes) < QUOTE_COUNT:
                    batch = await call.read()
                    assert isinstance(batch, local_quote_pb2.LocalQuoteBatch)
                    quotes += [quote for quote in batch.quotes if not quote.HasField("error")]
            call.cancel()
    return quotes


async def test_every_quote_is_that_of_its_pool_at_its_slot() -> None:
    checked = assert_exact(await streamed_quotes(), seed=SEED)
    assert checked.total() >= QUOTE_COUNT
    assert len(checked) >= 4, checked
