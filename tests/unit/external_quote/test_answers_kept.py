"""Providers' answers kept: found by the ids of their quotes, bounded, the first ones gone first."""

import pytest
from fakes.explained_answer import cached
from fakes.provider_quotes import KEY

from external_quote.answers_kept import ENTRY_OVERHEAD_BYTES, AnswersKept, id_of
from external_quote.providers.base import Exchange
from external_quote.split_cache import CachedQuote
from quote_core.errors import EvidenceGone


def told(number: int) -> CachedQuote:
    """A quote like no other."""
    return cached(KEY._replace(input_amount=10**9 + number * 1_000))


def test_an_answer_is_found_by_its_quotes_id() -> None:
    kept = AnswersKept(count_max=10, bytes_max=10**6)
    for number in range(3):
        kept.note(told(number), Exchange(f"/quote?{number}", b"body"), 0.5)
    found, quote = kept.find(id_of(told(1))), told(1)
    assert found.exchange == Exchange("/quote?1", b"body")
    assert (found.provider, found.key, found.latency_ms) == (quote.provider, quote.key, quote.latency_ms)
    assert found.sent_unix_ns == quote.freshness.vouched.unix_ns


def test_the_same_quote_told_anew_is_kept_once() -> None:
    kept = AnswersKept(count_max=10, bytes_max=10**6)
    for uptime in (0.5, 0.6):
        kept.note(told(0), Exchange("/quote", b"body"), uptime)
    assert len(kept) == 1
    assert kept.find(id_of(told(0))).uptime == 0.5


@pytest.mark.parametrize(
    ("count_max", "bytes_max"), [(3, 10**9), (10**6, 3 * (ENTRY_OVERHEAD_BYTES + 100)), (10**6, 0), (0, 10**9)]
)
def test_no_more_is_kept_than_is_allowed(count_max: int, bytes_max: int) -> None:
    kept = AnswersKept(count_max=count_max, bytes_max=bytes_max)
    quotes = [told(number) for number in range(20)]
    for quote in quotes:
        kept.note(quote, Exchange("/quote", b"." * 100), 1.0)
        assert len(kept) <= count_max
        assert kept.byte_count <= bytes_max
    left = 3 if count_max and bytes_max else 0
    assert (len(kept), kept.gone_count) == (left, 20 - left)
    assert kept.byte_count == left * (ENTRY_OVERHEAD_BYTES + 100)
    for quote in quotes[20 - left :]:
        assert kept.find(id_of(quote)).key == quote.key
    why = rf"newest {left} answers are kept \(SOLQUOTE_EXTERNAL_QUOTE_EVIDENCE_ANSWER_COUNT_MAX\), {20 - left} have"
    with pytest.raises(EvidenceGone, match=why):
        kept.find(id_of(quotes[19 - left]))
