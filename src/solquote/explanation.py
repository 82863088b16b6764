"""A decision in words and in arithmetic: what caps it, and how the score it rests on came about. Pure."""

from typing import Final

from aggregator.confidence import WEIGHTS
from solquote.answers import PrintedCap, PrintedQuote, PrintedSource
from solquote.formatting import age_text

__all__ = ["arithmetic", "cap_text", "factor_rows", "warning"]

_CAPS: Final = {
    "price_impact": "price impact {value} is above {limit}",
    "oracle_deviation": "{value} off the oracle's rate is above {limit}",
    "stale": "the quote is stale",
}
_BELOW: Final = {"skip": 0.5, "cautious": 0.7}


def cap_text(cap: PrintedCap) -> str:
    """One cap as a clause."""
    text = _CAPS.get(cap.reason, cap.reason + " {value} is above {limit}")
    return text.format(value=_percent(cap.value), limit=_percent(cap.limit))


def warning(answer: PrintedQuote) -> str:
    """What to say before anything else; empty when nothing speaks against the trade."""
    best = answer.best_source
    if best is None or not (best.caps or answer.decision in _BELOW):
        return ""
    reasons = [cap_text(cap) for cap in sorted(best.caps, key=lambda cap: cap.at_most != "skip")]
    if not any(cap.at_most == answer.decision for cap in best.caps):
        reasons.insert(0, f"confidence {best.confidence:.3f} is below {_BELOW.get(answer.decision, 1)}")
    return f"{answer.decision.upper()}: {'; '.join(reasons)}"


def factor_rows(
    source: PrintedSource, *, price: float, oracle_price: float | None, oracle_disagreement: float
) -> list[tuple[str, str, str, str]]:
    """Name, where it comes from, value and weight of each factor of a source's score."""
    hop_count = len({(hop.input_mint, hop.output_mint) for hop in source.route}) or 1
    oracle = "no oracle price is known"
    if oracle_price:
        apart = f" - 10 x {_percent(oracle_disagreement)} its sources disagree" if oracle_disagreement else ""
        oracle = f"max(0, 1 - 10 x {_percent(abs(price / oracle_price - 1))} off the oracle's rate{apart})"
    told = {
        "pool_age": f"max(0, 1 - {age_text(source.age_ms)} / 60 s)",
        "route": f"max(0, 1 - 0.2 x (hops: {hop_count} - 1))",
        "oracle": oracle,
        "provider": "1 for local" if source.name == "local" else "the provider's success rate",
        "slippage": f"min(1, expected by depth / {_percent(source.price_impact_fraction)} impact)",
    }
    return [
        (name, told[name], f"{value:.4f}", f"{getattr(WEIGHTS, name):.2f}") for name, value in source.factors.items()
    ]


def arithmetic(source: PrintedSource, answer: PrintedQuote) -> list[str]:
    """The sum, and what becomes of it, in lines."""
    products = " + ".join(f"{getattr(WEIGHTS, name):.2f} x {value:.4f}" for name, value in source.factors.items())
    lines = [f"{products} = {source.confidence:.4f}", "execute from 0.9, verify from 0.7, cautious from 0.5, else skip"]
    lines += [f"capped at {cap.at_most}: {cap_text(cap)}" for cap in source.caps]
    if source.name == answer.best:
        lines.append(f"decision {answer.decision or 'none'}")
    return lines


def _percent(fraction: float) -> str:
    """To the basis point: 0.9999 is not all."""
    return f"{fraction * 100:.2f}".rstrip("0").rstrip(".") + " %"
