from hypothesis import given
from hypothesis import strategies as st

from aggregator.confidence import decide, expected_slippage, score

ages = st.floats(-10, 1e6)
hops = st.integers(1, 20)
rates = st.floats(1e-9, 1e9)
oracle_rates = st.none() | st.floats(1e-9, 1e9)
disagreements = st.just(0.0) | st.floats(0, 1)
uptimes = st.floats(0, 1)
slippages = st.floats(0, 10)


@given(ages, hops, rates, oracle_rates, disagreements, uptimes, slippages, slippages)
def test_score_and_factors_stay_between_zero_and_one(
    age: float,
    hop: int,
    rate: float,
    oracle: float | None,
    disagreement: float,
    uptime: float,
    expected: float,
    actual: float,
) -> None:
    confidence = score(
        age_s=age,
        hop_count=hop,
        rate=rate,
        oracle_rate=oracle,
        oracle_disagreement=disagreement,
        uptime=uptime,
        slippage_expected=expected,
        slippage_actual=actual,
    )
    factors = confidence.factors
    for value in (
        confidence.score,
        factors.pool_age,
        factors.route,
        factors.oracle,
        factors.provider,
        factors.slippage,
    ):
        assert 0.0 <= value <= 1.0


@given(ages, ages, hops, rates, uptimes)
def test_growing_older_never_raises_the_score(
    first: float, second: float, hop: int, rate: float, uptime: float
) -> None:
    def at(age: float) -> float:
        return score(
            age_s=age,
            hop_count=hop,
            rate=rate,
            oracle_rate=rate,
            uptime=uptime,
            slippage_expected=0.001,
            slippage_actual=0.001,
        ).score

    young, old = sorted((first, second))
    assert at(young) >= at(old)


@given(st.floats(0, 1), st.floats(0, 1), rates, rates)
def test_sources_further_apart_never_raise_the_score(first: float, second: float, rate: float, oracle: float) -> None:
    def at(disagreement: float) -> float:
        return score(
            age_s=1.0,
            hop_count=1,
            rate=rate,
            oracle_rate=oracle,
            oracle_disagreement=disagreement,
            uptime=1.0,
            slippage_expected=0.001,
            slippage_actual=0.001,
        ).score

    assert at(min(first, second)) >= at(max(first, second))


@given(hops, hops, rates)
def test_another_hop_never_raises_the_score(first: int, second: int, rate: float) -> None:
    def over(count: int) -> float:
        return score(
            age_s=1.0,
            hop_count=count,
            rate=rate,
            oracle_rate=rate,
            uptime=1.0,
            slippage_expected=0.001,
            slippage_actual=0.001,
        ).score

    assert over(min(first, second)) >= over(max(first, second))


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_better_score_never_allows_less(first: float, second: float) -> None:
    assert decide(min(first, second)).value <= decide(max(first, second)).value


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_a_larger_amount_never_expects_less_slippage(first: int, second: int, depth: int) -> None:
    assert expected_slippage(min(first, second), depth) <= expected_slippage(max(first, second), depth)
