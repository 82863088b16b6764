"""A provider's answer as it is kept, and as it is told to whoever asks what its quote rests on."""

import json
from dataclasses import replace

from fakes.fake_clock import FakeClock
from fakes.provider_api import FakeJupiter
from fakes.provider_quotes import KEY, TOKENS, S

from external_quote import wire
from external_quote.answers_kept import AnswersKept, KeptAnswer, id_of
from external_quote.providers.base import Exchange
from external_quote.providers.reading import read_provider_answer
from external_quote.split_cache import CachedQuote, SplitCache
from quote_core.clock import moment
from quote_core.quotes import QuoteKey
from solquote.evidence import Evidence
from solquote.evidence_wire import evidence_from

__all__ = ["REQUEST", "answered", "cached", "jupiter_body"]

REQUEST = "/quote?amount=1000000000"


def jupiter_body(key: QuoteKey) -> bytes:
    """What Jupiter answers."""
    asked = {"inputMint": key.input_mint, "outputMint": key.output_mint, "amount": str(key.input_amount)}
    return json.dumps(FakeJupiter().quote(asked | {"slippageBps": "50"}, str(key.input_amount // 10))).encode()


def cached(key: QuoteKey) -> CachedQuote:
    """The same as it is held."""
    clock = FakeClock()
    cache = SplitCache(price_ttl_ns=10 * S, route_ttl_ns=30 * S, stale_after_ns=60 * S, count_max=10, clock=clock)
    quote = read_provider_answer("jupiter", key, jupiter_body(key))
    return cache.store(key, quote, provider="jupiter", sent=moment(clock), is_known_route=False)


def answered(*, amount: int, oracle_rate: float | None = None) -> Evidence:
    """What is told of a quote of it, through the very messages."""
    key = KEY._replace(input_amount=amount)
    one = cached(key)
    kept = AnswersKept(count_max=1, bytes_max=10**6)
    kept.note(one, Exchange(REQUEST, jupiter_body(key)), 0.75)
    found: KeptAnswer = kept.find(id_of(one))
    message = wire.evidence(id_of(one), found, [token for token in TOKENS if token.mint in key[:2]])
    return replace(evidence_from(message), oracle_rate=oracle_rate)
