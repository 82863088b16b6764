"""While the market moves: every streamed quote equals the pool's own arithmetic at the slot the quote names.

The recorded market with the same seed is the same bytes at the same slot, so a second one, played in the test, is the
judge. A quote from a mixture of slots (one vault old, one new) would not pass.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict

import pytest
from fakes.recorded_market_process import recorded_market_process
from fakes.running_local_quote import local_quote
from fakes.waiting import DEADLINE_S

from quote_core.dex.pool import ChainClock, Direction, Pool, SwapMode
from quote_core.errors import NotTradable
from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.tokens import load_tokens
from recorded_market.genesis import make_genesis
from recorded_market.market import Market
from recorded_market.recording import load_recording

pytestmark = pytest.mark.integration

REGISTRY = load_tokens()
SEED = 11
QUOTE_COUNT = 1_000
LEARNING_BATCH_COUNT = 40  # which accounts of a pool change together is learned from its first swaps
CLOCK_LAG_S_MAX = 2  # a quote is priced at the chain's time held then, which may be of a slot just before or after


def request() -> quotes_pb2.BatchQuoteRequest:
    pairs = [
        quotes_pb2.TokenPair(
            input_mint=one.mint, output_mint=other.mint, amounts=[10**one.decimals * size for size in (1, 10, 100)]
        )
        for pair in REGISTRY.pairs
        for one, other in pair.directions()
    ]
    return quotes_pb2.BatchQuoteRequest(pairs=pairs, refresh_interval_ms=60_000)


async def streamed_quotes() -> dict[int, list[local_quote_pb2.LocalQuote]]:
    """Quotes of a moving market, by the slot they name."""
    by_slot = defaultdict(list)
    count = 0
    with recorded_market_process(seed=SEED, slot_time="40ms") as market:
        node = {"rpc_url": market.rpc_url, "rpc_ws_url": market.websocket_url}
        async with local_quote(**node, companion_wait="500ms") as service:  # however busy this machine is
            await service.until_figure("directions_quoted", 24)
            await service.until_figure("feed_live", 1)
            call = service.stub.StreamQuoteBatches(request())
            async with asyncio.timeout(DEADLINE_S):
                for _ in range(LEARNING_BATCH_COUNT):
                    await call.read()
                while count < QUOTE_COUNT:
                    batch = await call.read()
                    assert isinstance(batch, local_quote_pb2.LocalQuoteBatch)
                    for quote in batch.quotes:
                        if not quote.HasField("error"):
                            by_slot[quote.slot].append(quote)
                            count += 1
            call.cancel()
    return by_slot


def outputs(pool: Pool, quote: local_quote_pb2.LocalQuote, clock: ChainClock) -> set[int]:
    """What the pool gives for the quote's input at `clock` and at the clocks around it."""
    direction = Direction.A_TO_B if pool.mint_a == quote.input_mint else Direction.B_TO_A
    found = set()
    for second in range(clock.unix_timestamp - CLOCK_LAG_S_MAX, clock.unix_timestamp + CLOCK_LAG_S_MAX + 1):
        with contextlib.suppress(NotTradable):  # a pool may refuse a time before its own last update
            moment = ChainClock(clock.slot, second, clock.epoch)
            found.add(pool.swap(direction, SwapMode.EXACT_IN, quote.input_amount, moment).amount_out)
    return found


async def test_every_quote_is_that_of_its_pool_at_its_slot() -> None:
    by_slot = await streamed_quotes()
    judge = Market(make_genesis(load_recording(), REGISTRY, seed=SEED))
    checked: Counter[str] = Counter()
    last_slot = max(by_slot)
    while judge.clock.slot <= last_slot:
        pools = {pool.address: pool for pool in judge.tradable_pools()}
        for quote in by_slot.pop(judge.clock.slot, []):
            pool = pools[quote.pool_id]
            assert quote.output_amount in outputs(pool, quote, judge.clock), (judge.clock.slot, quote)
            checked[quote.protocol] += 1
        judge.advance()
    assert not by_slot
    assert checked.total() >= QUOTE_COUNT
    assert len(checked) >= 4, checked
