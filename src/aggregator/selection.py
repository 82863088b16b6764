"""Which of two sources to take, and what may be done with it, at a moment. Pure.

Quotes grow older while they are held: whether one is stale and how far it can be trusted is worked out when it is told.
"""

from collections.abc import Mapping
from typing import NamedTuple

from aggregator.confidence import CAP_LIMITS, CapLimits, Confidence, Decision, caps_of, expected_slippage, score
from aggregator.held import HeldQuote, Refusal, Source
from aggregator.oracle import OraclePrices
from quote_core.clock import AGE_UNKNOWN_NS, NO_MOMENT, Moment
from quote_core.units import NS_PER_S

__all__ = ["NO_ANSWER", "Judge", "Merged", "Standing", "confidence_of", "merge"]

NO_ANSWER = Refusal("UNAVAILABLE", "no quote service has answered for this pair and amount yet")


class Merged(NamedTuple):
    """Both sources of one row, scored `at` a moment. A confidence is there exactly when its source has a price."""

    local: HeldQuote | None
    external: HeldQuote | None
    local_confidence: Confidence | None
    external_confidence: Confidence | None
    best: Source | None
    decision: Decision
    refusal: Refusal | None
    oracle_rate: float | None
    at: Moment
    oracle_disagreement: float = 0.0

    def of(self, source: Source) -> HeldQuote | None:
        """One source's answer."""
        return self.local if source is Source.LOCAL else self.external

    @property
    def best_quote(self) -> HeldQuote | None:
        """The answer to take; `None` when neither source has a price."""
        return None if self.best is None else self.of(self.best)

    @property
    def best_confidence(self) -> Confidence | None:
        """The score of `best_quote`."""
        if self.best is None:
            return None
        return self.local_confidence if self.best is Source.LOCAL else self.external_confidence


class Standing(NamedTuple):
    """How a row's better answer stands at a moment: all that is another the next moment, though no word has come.

    `age_ns` is that of the state the answer rests on. `stamp` is one of its own for every answer the table has taken:
    while it is the same, so are both sources' answers.
    """

    best: Source
    confidence: Confidence
    decision: Decision
    oracle_rate: float | None
    oracle_disagreement: float
    age_ns: int
    stamp: int


class Judge:
    """Scores answers and chooses between them.

    Args:
        oracle: For the rate a quote should have.
        stale_after_ns: Age from which on a source's quotes are stale, whatever it says itself.
        limits: From where on a quote is capped.
    """

    def __init__(
        self, *, oracle: OraclePrices, stale_after_ns: Mapping[Source, int], limits: CapLimits = CAP_LIMITS
    ) -> None:
        self.oracle = oracle
        self.limits = limits
        self.stale_after_ns = stale_after_ns

    def aged(self, quote: HeldQuote, now: Moment) -> HeldQuote:
        """The answer as of now: marked stale when it has passed its limit."""
        return quote if self.fresh_for_ns(quote, now) >= 0 else quote.as_stale()

    def is_fresh(self, quote: HeldQuote | Refusal | None, now: Moment) -> bool:
        """Whether it is a price, and not stale."""
        return isinstance(quote, HeldQuote) and quote.refusal is None and not self.aged(quote, now).is_stale

    def fresh_for_ns(self, quote: HeldQuote, now: Moment) -> int:
        """How long until its age makes the answer stale, below zero when it has; what is stale or no price stays so."""
        if quote.is_stale or quote.refusal is not None:
            return AGE_UNKNOWN_NS
        return self.stale_after_ns[quote.source] - quote.freshness.age_ns(now)

    def merged(
        self,
        local: HeldQuote | None,
        external: HeldQuote | None,
        *,
        rate_scale: float,
        now: Moment,
        refusal: Refusal | None = None,
    ) -> Merged:
        """Both sides of a row, merged; see `merge`."""
        if local is not None:
            local = self.aged(local, now)
        if external is not None:
            external = self.aged(external, now)
        either = local or external
        oracle_rate = None if either is None else self._oracle_rate(either, local, now)
        return merge(
            local,
            external,
            None if local is None else self._confidence(local, local, oracle_rate, rate_scale, now),
            None if external is None else self._confidence(external, local, oracle_rate, rate_scale, now),
            refusal=refusal,
            oracle_rate=oracle_rate,
            oracle_disagreement=0.0 if either is None or oracle_rate is None else self._disagreement(either),
            at=now,
        )

    def _confidence(
        self, quote: HeldQuote, local: HeldQuote | None, oracle_rate: float | None, rate_scale: float, now: Moment
    ) -> Confidence | None:
        if quote.refusal is not None:
            return None
        return confidence_of(
            quote,
            rate_scale=rate_scale,
            depth_amount=0 if local is None else local.depth_amount,
            oracle_rate=oracle_rate,
            oracle_disagreement=self._disagreement(quote),
            limits=self.limits,
            now=now,
        )

    def _disagreement(self, quote: HeldQuote) -> float:
        return self.oracle.disagreement(quote.key.input_mint, quote.key.output_mint)

    def _oracle_rate(self, quote: HeldQuote, local: HeldQuote | None, now: Moment) -> float | None:
        # The local service's own rate is newer than the one read at an interval, while both are of the same oracle; it
        # counts only as long as that oracle is vouched for. `local` is as of now.
        rate = self.oracle.rate(quote.key.input_mint, quote.key.output_mint, now)
        if rate is None or local is None or local.oracle_price is None or local.is_stale or local.refusal is not None:
            return rate
        return local.oracle_price


def confidence_of(
    quote: HeldQuote,
    *,
    rate_scale: float,
    depth_amount: int,
    oracle_rate: float | None,
    oracle_disagreement: float = 0.0,
    now: Moment,
    limits: CapLimits = CAP_LIMITS,
) -> Confidence:
    """Score a held quote, and say what caps it.

    Args:
        quote: One that has a price.
        rate_scale: 10 ** (input decimals - output decimals), which makes smallest units whole tokens.
        depth_amount: Depth to expect slippage from; a source that knows none is judged by the other's.
        oracle_rate: Whole output tokens per whole input token; `None` = nobody vouches for one.
        oracle_disagreement: How far the oracle's sources disagree on it.
        now: Now.
        limits: From where on it is capped.
    """
    rate = quote.output_amount / quote.key.input_amount * rate_scale
    scored = score(
        age_s=quote.freshness.age_ns(now) / NS_PER_S,
        hop_count=quote.hop_count,
        rate=rate,
        oracle_rate=oracle_rate,
        oracle_disagreement=oracle_disagreement,
        uptime=quote.uptime,
        slippage_expected=expected_slippage(quote.key.input_amount, depth_amount),
        slippage_actual=quote.price_impact_fraction,
    )
    caps = caps_of(
        price_impact=quote.price_impact_fraction,
        rate=rate,
        oracle_rate=oracle_rate,
        is_stale=quote.is_stale,
        limits=limits,
    )
    return Confidence(scored.score, scored.factors, caps) if caps else scored


def merge(
    local: HeldQuote | None,
    external: HeldQuote | None,
    local_confidence: Confidence | None,
    external_confidence: Confidence | None,
    *,
    refusal: Refusal | None = None,
    oracle_rate: float | None = None,
    oracle_disagreement: float = 0.0,
    at: Moment = NO_MOMENT,
) -> Merged:
    """Take the source with the higher confidence, caps included; on a tie the higher output, then local.

    A stale quote loses to one that is not, whatever their scores; if it is all there is, the decision is SKIP.
    `refusal` is the reason to give when neither has a price and the answers themselves name none.
    """
    best: Source | None = None
    decision = Decision.SKIP
    if local_confidence is not None and external_confidence is not None:
        assert local is not None
        assert external is not None
        local_rank = (not local.is_stale, local_confidence.capped_score, local.output_amount)
        external_rank = (not external.is_stale, external_confidence.capped_score, external.output_amount)
        best = Source.LOCAL if local_rank >= external_rank else Source.EXTERNAL
    elif local_confidence is not None:
        best = Source.LOCAL
    elif external_confidence is not None:
        best = Source.EXTERNAL
    chosen = local if best is Source.LOCAL else external
    confidence = local_confidence if best is Source.LOCAL else external_confidence
    if best is not None and chosen is not None and confidence is not None and not chosen.is_stale:
        decision = confidence.decision
    reason = None if best is not None else _refusal(local, external) or refusal or NO_ANSWER
    return Merged(
        local,
        external,
        local_confidence,
        external_confidence,
        best,
        decision,
        reason,
        oracle_rate,
        at,
        oracle_disagreement,
    )


def _refusal(local: HeldQuote | None, external: HeldQuote | None) -> Refusal | None:
    # The local service's word comes first: it says what is wrong with the pair, the provider what is wrong with itself.
    for quote in (local, external):
        if quote is not None and quote.refusal is not None:
            return quote.refusal
    return None
