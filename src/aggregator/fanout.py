"""One quote, now: from the table where it is held and fresh, else from both services at once.

The local answer is taken the moment it is there, with the external one if that is there too. After the local time-out
whichever fresh one comes first is taken, and after the external time-out the call is over. An external request that
nobody waits for any more is left to finish: it has cost a token of the provider's rate limit, and fills the external
service's cache for the next caller.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, Protocol

from aggregator.held import HeldQuote, Refusal
from aggregator.routes import Routes
from aggregator.rows import RowRegistry
from aggregator.selection import Judge, Merged
from aggregator.table import QuoteTable
from quote_core.clock import Clock, moment
from quote_core.quotes import QuoteKey
from quote_core.serving import QuoteRequest
from quote_core.tokens import TokenRegistry
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["EXTERNAL_LEFT_MAX", "ExternalQuotes", "Fanout", "LocalQuotes"]

EXTERNAL_LEFT_MAX: Final = 64
"""External requests left to finish at once; beyond it no new one is made."""

_Answer = HeldQuote | Refusal


class LocalQuotes(Protocol):
    """What is asked of the local quote service."""

    async def quote(self, asked: QuoteRequest, *, timeout_ns: int) -> _Answer:
        """One quote, or why there is none."""
        ...


class ExternalQuotes(Protocol):
    """What is asked of the external quote service."""

    async def quote(self, key: QuoteKey, *, slippage_bps: int, timeout_ns: int) -> _Answer:
        """One quote, or why there is none."""
        ...


class Fanout:
    """Answers single quotes."""

    def __init__(
        self,
        *,
        rows: RowRegistry,
        table: QuoteTable,
        judge: Judge,
        tokens: TokenRegistry,
        local: LocalQuotes,
        external: ExternalQuotes,
        routes: Routes,
        clock: Clock,
        local_timeout_ns: int,
        external_timeout_ns: int,
    ) -> None:
        self._rows = rows
        self._table = table
        self._judge = judge
        self._tokens = tokens
        self._local = local
        self._external = external
        self._routes = routes
        self._clock = clock
        self._local_timeout_ns = local_timeout_ns
        self._external_timeout_ns = external_timeout_ns
        self._left: set[asyncio.Task[Any]] = set()

    @property
    def left_count(self) -> int:
        """External requests under way; nobody may be waiting for them any more."""
        return len(self._left)

    def held(self, key: QuoteKey) -> Merged | None:
        """Both sources merged, without waiting for anybody; `None` = no fresh local answer is held."""
        row = self._rows.find(key)
        if row is None:
            return None
        merged = self._table.merged(row)
        local = merged.local
        return merged if local is not None and local.refusal is None and not local.is_stale else None

    def held_body(self, key: QuoteKey) -> bytes | None:
        """The same as bytes."""
        row = self._rows.find(key)
        return None if row is None else self._table.fresh_body(row)

    async def quote(self, key: QuoteKey, *, slippage_bps: int = 0) -> Merged:
        """Both sources merged, asked for where they are not held; `refusal` says why when neither has a price."""
        return self.held(key) or await self._ask(key, slippage_bps)

    async def local_alone(self, asked: QuoteRequest) -> Merged:
        """The local answer as the only source: of what an outside provider is not asked, such as a wanted output."""
        answer = await self._local.quote(asked, timeout_ns=self._external_timeout_ns)
        return self._merged(asked.input_mint, asked.output_mint, answer)

    async def local_quote(self, key: QuoteKey) -> _Answer:
        """The local answer alone, however late within the external time-out."""
        return await self._local.quote(QuoteRequest.of(key), timeout_ns=self._external_timeout_ns)

    async def external_quote(self, key: QuoteKey, *, slippage_bps: int = 0) -> _Answer:
        """The external answer alone, within its time-out."""
        return await self._external.quote(key, slippage_bps=slippage_bps, timeout_ns=self._external_timeout_ns)

    async def _ask(self, key: QuoteKey, slippage_bps: int) -> Merged:
        started_ns = self._clock.mono_ns()
        # Neither call is cut at the local time-out: when the other source has nothing, a late local answer is welcome.
        local = asyncio.create_task(self.local_quote(key))
        waiting: set[asyncio.Task[_Answer]] = {local}
        external: asyncio.Task[_Answer] | None = None
        if len(self._left) < EXTERNAL_LEFT_MAX:
            external = self._keep(self.external_quote(key, slippage_bps=slippage_bps))
            waiting.add(external)
        try:
            await asyncio.wait({local}, timeout=self._local_timeout_ns / NS_PER_S)
            while pending := {task for task in waiting if not task.done()}:
                if any(self._is_fresh(task) for task in waiting):
                    break
                spent_ns = self._clock.mono_ns() - started_ns
                left_s = max(self._external_timeout_ns - spent_ns, 0) / NS_PER_S
                done, _ = await asyncio.wait(pending, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    break
        finally:
            local.cancel()
        answers = _result(local, "local quote service"), _result(external, "external quote service")
        return self._merged(key.input_mint, key.output_mint, *answers)

    def _keep(self, call: Coroutine[Any, Any, _Answer]) -> asyncio.Task[_Answer]:
        task = asyncio.create_task(call)
        self._left.add(task)
        task.add_done_callback(self._left.discard)
        return task

    def _merged(
        self, input_mint: Pubkey, output_mint: Pubkey, local: _Answer, external: _Answer | None = None
    ) -> Merged:
        quotes = [answer if isinstance(answer, HeldQuote) else None for answer in (local, external)]
        for quote in quotes:
            if quote is not None and quote.refusal is None:
                self._routes.note(quote)
        input_token = self._tokens.by_mint(input_mint, field="input_mint")
        output_token = self._tokens.by_mint(output_mint, field="output_mint")
        scale = 10.0 ** (input_token.decimals - output_token.decimals)
        first = next((answer for answer in (local, external) if isinstance(answer, Refusal)), None)
        return self._judge.merged(quotes[0], quotes[1], rate_scale=scale, now=moment(self._clock), refusal=first)

    def _is_fresh(self, task: "asyncio.Task[_Answer]") -> bool:
        return task.done() and not task.cancelled() and self._judge.is_fresh(task.result(), moment(self._clock))


def _result(task: "asyncio.Task[_Answer] | None", service: str) -> _Answer:
    if task is None:
        return Refusal("RESOURCE_EXHAUSTED", f"{service}: too many requests under way")
    if not task.done() or task.cancelled():
        return Refusal("DEADLINE_EXCEEDED", f"{service}: no answer in time")
    return task.result()
