"""Quote services that speak real gRPC and answer from a dictionary: for tests of what stands above them."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Iterator

import grpc
import grpc.aio
from fakes.column_messages import columns_of
from fakes.vouched import freshness_message

from quote_core.generated.solquote.v1 import external_quote_pb2 as external_pb
from quote_core.generated.solquote.v1 import external_quote_pb2_grpc as external_grpc
from quote_core.generated.solquote.v1 import local_quote_pb2 as local_pb
from quote_core.generated.solquote.v1 import local_quote_pb2_grpc as local_grpc
from quote_core.generated.solquote.v1 import quotes_pb2

Key = tuple[str, str, int]


def wanted(request: quotes_pb2.BatchQuoteRequest) -> Iterator[tuple[int, Key]]:
    for pair in request.pairs:
        amounts = pair.amounts or request.amounts
        for row, amount in zip(pair.rows, amounts, strict=True):
            yield row, (pair.input_mint, pair.output_mint, amount)


class FakeLocalService(local_grpc.LocalQuoteServiceServicer):
    """Prices every amount at `rate` smallest units out per unit in, for pairs that have one."""

    def __init__(self) -> None:
        self.rates: dict[tuple[str, str], float] = {}
        self.usd: dict[str, float] = {}
        self.version = 1
        self.vouched_age_ms = 0
        self.oracle_age_ms = 0
        self.is_silent = False
        self.open_count = 0
        self.changed_unix_ns = time.time_ns()
        self.streams: list[quotes_pb2.BatchQuoteRequest] = []
        self.asked: list[local_pb.LocalQuoteRequest] = []
        self._changed = asyncio.Condition()

    def quote(self, row: int, key: Key) -> local_pb.LocalQuote:
        rate = self.rates.get(key[:2])
        quote = local_pb.LocalQuote(input_mint=key[0], output_mint=key[1], input_amount=key[2], row=row)
        if rate is None:
            quote.error.code = "FAILED_PRECONDITION"
            quote.error.message = f"{key[0]}/{key[1]}: no pool"
            return quote
        quote.output_amount = int(key[2] * rate)
        quote.price_impact = 0.0002
        quote.protocol = "raydium_cpmm"
        quote.pool_id = "Poo1" * 8
        quote.route.add(
            pool_id=quote.pool_id,
            protocol=quote.protocol,
            input_mint=key[0],
            output_mint=key[1],
            input_amount=key[2],
            output_amount=quote.output_amount,
            provenance=quotes_pb2.PROVENANCE_SYNTHETIC,
        )
        quote.route_id = hash(key[:2]) & (2**64 - 1)
        quote.slot = 100 + self.version
        quote.version = self.version
        quote.quoted_unix_ns = self.changed_unix_ns
        quote.depth_amount = 10**13
        quote.freshness.CopyFrom(freshness_message(age_ns=self.vouched_age_ms * 1_000_000, slot=quote.slot))
        quote.provenance = quotes_pb2.PROVENANCE_SYNTHETIC
        if key[0] in self.usd and key[1] in self.usd:
            quote.oracle_price = self.usd[key[0]] / self.usd[key[1]]
        return quote

    async def change(self, rates: dict[tuple[str, str], float]) -> None:
        self.rates.update(rates)
        self.version += 1
        self.changed_unix_ns = time.time_ns()
        async with self._changed:
            self._changed.notify_all()

    async def StreamQuoteColumns(  # noqa: N802  # the method's name
        self, request: quotes_pb2.BatchQuoteRequest, context: object
    ) -> AsyncIterator[local_pb.LocalQuoteColumns]:
        self.streams.append(request)
        self.open_count += 1
        try:
            sequence = 1
            yield columns_of((self.quote(row, key) for row, key in wanted(request)), sequence=sequence, snapshot=True)
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout((request.refresh_interval_ms or 1000) / 1000), self._changed:
                        await self._changed.wait()
                if not self.is_silent:
                    sequence += 1
                    yield columns_of((self.quote(row, key) for row, key in wanted(request)), sequence=sequence)
        finally:
            self.open_count -= 1

    async def GetQuote(  # noqa: N802  # the method's name
        self, request: local_pb.LocalQuoteRequest, context: grpc.aio.ServicerContext
    ) -> local_pb.LocalQuote:
        if self.is_silent:
            await asyncio.Event().wait()
        self.asked.append(request)
        rate = self.rates.get((request.input_mint, request.output_mint), 1.0)
        amount = request.input_amount or math.ceil(request.output_amount / rate)
        quote = self.quote(0, (request.input_mint, request.output_mint, amount))
        if quote.HasField("error"):
            await context.abort(grpc.StatusCode[quote.error.code], quote.error.message)
        return quote

    async def GetOraclePrices(  # noqa: N802  # the method's name
        self, request: local_pb.OraclePricesRequest, context: object
    ) -> local_pb.OraclePricesResponse:
        if self.is_silent:
            await asyncio.Event().wait()
        return local_pb.OraclePricesResponse(
            prices=[
                local_pb.OraclePrice(
                    mint=mint, usd=usd, freshness=freshness_message(age_ns=self.oracle_age_ms * 1_000_000)
                )
                for mint, usd in self.usd.items()
            ]
        )

    async def ListPools(  # noqa: N802  # the method's name
        self, request: local_pb.ListPoolsRequest, context: object
    ) -> local_pb.ListPoolsResponse:
        return local_pb.ListPoolsResponse(
            pools=[
                local_pb.PoolState(
                    pool_id=f"Poo1{position}",
                    protocol="raydium_cpmm",
                    mint_a=pair[0],
                    mint_b=pair[1],
                    tradable=True,
                    price=rate,
                    provenance=quotes_pb2.PROVENANCE_SYNTHETIC,
                )
                for position, (pair, rate) in enumerate(self.rates.items())
            ]
        )


class FakeExternalService(external_grpc.ExternalQuoteServiceServicer):
    """The same for outside quotes; unset pairs answer that no provider is configured."""

    def __init__(self) -> None:
        self.rates: dict[tuple[str, str], float] = {}
        self.version = 1
        self.delay_s = 0.0
        self.request_count = 0
        self.open_count = 0
        self.streams: list[quotes_pb2.BatchQuoteRequest] = []
        self._changed = asyncio.Condition()

    def quote(self, row: int, key: Key) -> external_pb.ExternalQuote:
        rate = self.rates.get(key[:2])
        quote = external_pb.ExternalQuote(input_mint=key[0], output_mint=key[1], input_amount=key[2], row=row)
        if rate is None:
            quote.error.code = "UNAVAILABLE"
            quote.error.message = "no provider is configured"
            return quote
        quote.output_amount = int(key[2] * rate)
        quote.provider = "jupiter"
        quote.provider_uptime = 1.0
        quote.price_impact_bps = 2.0
        quote.version = self.version
        quote.quoted_unix_ns = time.time_ns()
        quote.freshness.CopyFrom(freshness_message())
        quote.route_id = hash(("external", *key[:2])) & (2**64 - 1)
        quote.route_plan.add(
            pool_id="Ext1" * 8,
            protocol="Raydium CLMM",
            input_mint=key[0],
            output_mint=key[1],
            input_amount=key[2],
            output_amount=quote.output_amount,
        )
        return quote

    async def change(self, rates: dict[tuple[str, str], float]) -> None:
        self.rates.update(rates)
        self.version += 1
        async with self._changed:
            self._changed.notify_all()

    async def StreamQuoteBatches(  # noqa: N802  # the method's name
        self, request: quotes_pb2.BatchQuoteRequest, context: object
    ) -> AsyncIterator[external_pb.ExternalQuoteBatch]:
        self.streams.append(request)
        self.open_count += 1
        try:
            while True:
                yield external_pb.ExternalQuoteBatch(quotes=[self.quote(row, key) for row, key in wanted(request)])
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout((request.refresh_interval_ms or 1000) / 1000), self._changed:
                        await self._changed.wait()
        finally:
            self.open_count -= 1

    async def GetQuote(  # noqa: N802  # the method's name
        self, request: external_pb.ExternalQuoteRequest, context: grpc.aio.ServicerContext
    ) -> external_pb.ExternalQuote:
        self.request_count += 1
        await asyncio.sleep(self.delay_s)
        quote = self.quote(0, (request.input_mint, request.output_mint, request.input_amount))
        if quote.HasField("error"):
            await context.abort(grpc.StatusCode[quote.error.code], quote.error.message)
        return quote


@contextlib.asynccontextmanager
async def serving(
    *, local: FakeLocalService | None = None, external: FakeExternalService | None = None, port: int = 0
) -> AsyncIterator[str]:
    """One or both services on a port; gives the address."""
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    if local is not None:
        local_grpc.add_LocalQuoteServiceServicer_to_server(local, server)
    if external is not None:
        external_grpc.add_ExternalQuoteServiceServicer_to_server(external, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        await server.stop(None)
