import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fakes.fake_clock import FakeClock
from fakes.provider_quotes import KEY, OTHER, TOKENS, FakeProvider, S, answers_kept, guard, ranked, shared_quotes

from external_quote.quoter import ProviderQuoter
from external_quote.split_cache import SplitCache
from external_quote.stream_demand import StreamDemand
from external_quote.streams import ProviderStreams
from quote_core.generated.solquote.v1 import quotes_pb2


async def rows_of(messages: AsyncGenerator[Any, None]) -> list[int]:
    async with asyncio.timeout(30):
        return [quote.row for quote in (await anext(messages)).quotes]


async def test_quote_that_does_not_change_comes_again_while_another_changes_all_the_time() -> None:
    clock, demand = FakeClock(), StreamDemand(count_max=1)
    cache = SplitCache(price_ttl_ns=10 * S, route_ttl_ns=30 * S, stale_after_ns=60 * S, count_max=100, clock=clock)
    quoter = ProviderQuoter(
        ranked(guard(FakeProvider(), clock)),
        cache,
        shared_quotes(cache, clock),
        clock=clock,
        request_timeout_ns=2 * S,
        paired_timeout_ns=S,
        answers=answers_kept(),
    )
    streams = ProviderStreams(
        tokens=TOKENS, demand=demand, quoter=quoter, cache=cache, clock=clock, row_count_max=10, refresh_ns=60 * S
    )
    request = quotes_pb2.BatchQuoteRequest(
        pairs=[
            quotes_pb2.TokenPair(input_mint=key.input_mint, output_mint=key.output_mint, amounts=[key.input_amount])
            for key in (KEY, OTHER)
        ],
        refresh_interval_ms=2_000,
    )
    async with aclosing(streams.batches(request)) as messages:
        sent = [await rows_of(messages)]
        for _ in range(4):
            clock.advance_ns(S)
            demand.report(KEY, None)
            sent.append(await rows_of(messages))
    assert sent == [[0, 1], [0], [0, 1], [0], [0, 1]]
