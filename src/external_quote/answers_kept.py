"""Providers' answers as they came, by the ids of the quotes they gave: bounded, those kept longest go first.

What a quote says is read out of its answer again when somebody asks. An answer is kept as a plain tuple, which the
garbage collector stops looking at after the first time.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from external_quote.providers.base import Exchange, route_id_of
from external_quote.split_cache import CachedQuote
from quote_core.errors import EvidenceGone
from quote_core.quote_id import EXTERNAL, QuoteId, quote_id_of
from quote_core.quotes import QuoteKey
from quote_core.units import Pubkey

__all__ = ["ENTRY_OVERHEAD_BYTES", "AnswersKept", "KeptAnswer", "id_of"]

ENTRY_OVERHEAD_BYTES: Final = 1_000
"""What an answer takes beside its body: what was asked, its id, its places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """An answer, what it answers, and what went over the wire; `uptime` is the provider's success rate as it came."""

    provider: str
    key: QuoteKey
    exchange: Exchange
    sent_unix_ns: int
    latency_ms: float
    uptime: float


class AnswersKept:
    """See the module."""

    def __init__(self, *, count_max: int, bytes_max: int) -> None:
        self._count_max = count_max
        self._bytes_max = bytes_max
        self._by_id: dict[str, tuple[str, Pubkey, Pubkey, int, str, bytes, int, float, float]] = {}
        self._order: deque[str] = deque()
        self.byte_count = 0
        self.gone_count = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def note(self, cached: CachedQuote, exchange: Exchange, uptime: float) -> None:
        """Keep an answer that has come; the same id told anew keeps its first one."""
        text = id_of(cached).text
        if text in self._by_id:
            return
        sent_unix_ns = cached.freshness.vouched.unix_ns
        of_wire = exchange.request, exchange.body, sent_unix_ns, cached.latency_ms, uptime
        self._by_id[text] = (cached.provider, *cached.key, *of_wire)
        self._order.append(text)
        self.byte_count += len(exchange.body) + ENTRY_OVERHEAD_BYTES
        while self._order and (len(self._order) > self._count_max or self.byte_count > self._bytes_max):
            _, _, _, _, _, body, *_ = self._by_id.pop(self._order.popleft())
            self.byte_count -= len(body) + ENTRY_OVERHEAD_BYTES
            self.gone_count += 1

    def find(self, quote_id: QuoteId) -> KeptAnswer:
        """The answer that gave a quote.

        Raises:
            EvidenceGone: It is no longer kept, or never came.
        """
        kept = self._by_id.get(quote_id.text)
        if kept is None:
            raise EvidenceGone(
                f"the newest {len(self)} answers are kept (SOLQUOTE_EXTERNAL_QUOTE_EVIDENCE_ANSWER_COUNT_MAX), "
                f"{self.gone_count} have made room, and it is of none"
            )
        provider, input_mint, output_mint, input_amount, request, body, sent_unix_ns, latency_ms, uptime = kept
        return KeptAnswer(
            provider=provider,
            key=QuoteKey(input_mint, output_mint, input_amount),
            exchange=Exchange(request, body),
            sent_unix_ns=sent_unix_ns,
            latency_ms=latency_ms,
            uptime=uptime,
        )


def id_of(cached: CachedQuote) -> QuoteId:
    """The id of the quote that an answer gave."""
    key, quote = cached.key, cached.quote
    return quote_id_of(
        EXTERNAL,
        route_id_of(quote),
        key.input_mint,
        key.input_amount,
        quote.output_amount,
        cached.freshness.vouched_slot,
    )
