"""Which of two sources to take, and what may be done with it. Pure."""

from dataclasses import dataclass

from aggregator.confidence import Confidence, Decision, decide, expected_slippage, score
from aggregator.held import HeldQuote, Refusal, Source
from quote_core.units import NS_PER_S

__all__ = ["Merged", "confidence_of", "merge"]

_NO_ANSWER = Refusal("UNAVAILABLE", "no quote service has answered for this pair and amount yet")


@dataclass(frozen=True, slots=True)
class Merged:
    """Both sources of one row, scored. A confidence is there exactly when its source has a price."""

    local: HeldQuote | None
    external: HeldQuote | None
    local_confidence: Confidence | None
    external_confidence: Confidence | None
    best: Source | None
    decision: Decision
    refusal: Refusal | None

    @property
    def best_quote(self) -> HeldQuote | None:
        """The answer to take; `None` when neither source has a price."""
        if self.best is None:
            return None
        return self.local if self.best is Source.LOCAL else self.external

    @property
    def best_confidence(self) -> Confidence | None:
        """The score of `best_quote`."""
        if self.best is None:
            return None
        return self.local_confidence if self.best is Source.LOCAL else self.external_confidence

    @property
    def oracle_price(self) -> float | None:
        """Whole output tokens per whole input token, by the oracle."""
        if self.local is not None and self.local.oracle_price is not None:
            return self.local.oracle_price
        return self.external.oracle_price if self.external is not None else None


def confidence_of(quote: HeldQuote, *, rate_scale: float, depth_amount: int, now_mono_ns: int) -> Confidence:
    """Score a held quote.

    Args:
        quote: One that has a price.
        rate_scale: 10 ** (input decimals - output decimals), which makes smallest units whole tokens.
        depth_amount: Depth to expect slippage from; a source that knows none is judged by the other's.
        now_mono_ns: Now.
    """
    return score(
        age_s=(now_mono_ns - quote.state_mono_ns) / NS_PER_S,
        hop_count=quote.hop_count,
        rate=quote.output_amount / quote.key.input_amount * rate_scale,
        oracle_rate=quote.oracle_price,
        uptime=quote.uptime,
        slippage_expected=expected_slippage(quote.key.input_amount, depth_amount),
        slippage_actual=quote.price_impact_fraction,
    )


def merge(
    local: HeldQuote | None,
    external: HeldQuote | None,
    local_confidence: Confidence | None,
    external_confidence: Confidence | None,
    *,
    refusal: Refusal | None = None,
) -> Merged:
    """Take the source with the higher confidence; on a tie the higher output, then local.

    A stale quote loses to one that is not, whatever their scores; if it is all there is, the decision is SKIP.
    `refusal` is the reason to give when neither has a price and the answers themselves name none.
    """
    best: Source | None = None
    decision = Decision.SKIP
    if local_confidence is not None and external_confidence is not None:
        assert local is not None
        assert external is not None
        local_rank = (not local.is_stale, local_confidence.score, local.output_amount)
        external_rank = (not external.is_stale, external_confidence.score, external.output_amount)
        best = Source.LOCAL if local_rank >= external_rank else Source.EXTERNAL
    elif local_confidence is not None:
        best = Source.LOCAL
    elif external_confidence is not None:
        best = Source.EXTERNAL
    chosen = local if best is Source.LOCAL else external
    confidence = local_confidence if best is Source.LOCAL else external_confidence
    if best is not None and chosen is not None and confidence is not None and not chosen.is_stale:
        decision = decide(confidence.score)
    reason = None if best is not None else _refusal(local, external) or refusal or _NO_ANSWER
    return Merged(local, external, local_confidence, external_confidence, best, decision, reason)


def _refusal(local: HeldQuote | None, external: HeldQuote | None) -> Refusal | None:
    # The local service's word comes first: it says what is wrong with the pair, the provider what is wrong with itself.
    for quote in (local, external):
        if quote is not None and quote.refusal is not None:
            return quote.refusal
    return None
