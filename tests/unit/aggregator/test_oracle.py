from collections.abc import Mapping
from dataclasses import replace

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import MSOL, SOL, USDC, S
from fakes.vouched import vouched

from aggregator.oracle import FOREVER_NS, OracleFollower, OraclePrice, OraclePrices
from quote_core.clock import moment
from quote_core.errors import ProviderUnavailable
from quote_core.freshness import NEVER_VOUCHED, Freshness
from quote_core.units import Pubkey


def known(clock: FakeClock, **changes: int) -> OraclePrices:
    prices = OraclePrices(stale_after_ns=60 * S)
    prices.update({SOL: OraclePrice(140.0, vouched(clock, **changes)), USDC: OraclePrice(1.0, vouched(clock))})
    return prices


def test_rate_is_the_ratio_of_two_known_prices() -> None:
    clock = FakeClock()
    prices, now = known(clock), moment(clock)
    assert prices.rate(SOL, USDC, now) == 140.0
    assert prices.rate(USDC, SOL, now) == 1 / 140.0
    assert prices.rate(SOL, MSOL, now) is None


def test_rate_of_a_price_not_vouched_for_in_time_is_none_and_the_price_still_sizes() -> None:
    clock = FakeClock()
    prices = known(clock)
    clock.advance_ns(60 * S)
    assert prices.rate(SOL, USDC, moment(clock)) == 140.0
    clock.advance_ns(1)
    assert prices.rate(SOL, USDC, moment(clock)) is None
    assert prices.usd_by_mint[SOL] == 140.0
    prices.update({SOL: OraclePrice(150.0, vouched(clock)), USDC: OraclePrice(1.0, vouched(clock))})
    assert prices.rate(SOL, USDC, moment(clock)) == 150.0


def test_a_newer_price_counts_at_once_even_as_of_the_same_moment() -> None:
    clock = FakeClock()
    prices, now = known(clock), moment(clock)
    assert prices.rate(SOL, USDC, now) == 140.0
    prices.update({SOL: OraclePrice(150.0, vouched(clock))})
    assert prices.rate(SOL, USDC, now) == 150.0


def test_a_rate_holds_until_its_older_price_is_stale_or_a_newer_one_comes() -> None:
    clock = FakeClock()
    prices = known(clock, age_ns=20 * S)
    revision = prices.revision
    rate, until_ns = prices.rate_until(SOL, USDC, moment(clock))
    assert (rate, until_ns) == (140.0, clock.mono_ns() + 40 * S)
    clock.advance_ns(40 * S)
    assert prices.rate(SOL, USDC, moment(clock)) == 140.0
    clock.advance_ns(1)
    assert prices.rate_until(SOL, USDC, moment(clock)) == (None, FOREVER_NS)
    assert prices.rate_until(SOL, MSOL, moment(clock)) == (None, FOREVER_NS)
    prices.update({SOL: OraclePrice(150.0, vouched(clock))})
    assert prices.revision > revision


def test_a_rate_of_another_hosts_clock_holds_for_no_time() -> None:
    clock = FakeClock()
    here = vouched(clock).vouched
    elsewhere = Freshness(replace(here, boot_id=here.boot_id + 1), 1)
    prices = known(clock)
    prices.update({SOL: OraclePrice(140.0, elsewhere)})
    rate, until_ns = prices.rate_until(SOL, USDC, moment(clock))
    assert rate == 140.0
    assert until_ns < clock.mono_ns()


def test_a_price_the_local_service_does_not_use_itself_scores_nothing_from_then_on_and_still_sizes() -> None:
    clock = FakeClock()
    prices = known(clock)
    revision = prices.revision
    prices.update({SOL: None})
    assert prices.rate(SOL, USDC, moment(clock)) is None
    assert prices.revision > revision
    assert prices.usd_by_mint == {SOL: 140.0, USDC: 1.0}
    prices.update({SOL: OraclePrice(150.0, vouched(clock))})
    assert prices.rate(SOL, USDC, moment(clock)) == 150.0


def test_the_disagreement_of_a_rate_is_that_of_both_prices_and_against_sol_that_in_sol() -> None:
    clock = FakeClock()
    prices = OraclePrices(stale_after_ns=60 * S)
    assert prices.disagreement(SOL, USDC) == 0.0
    prices.update(
        {
            SOL: OraclePrice(140.0, vouched(clock), 0.05, 0.0),
            MSOL: OraclePrice(182.0, vouched(clock), 0.08, 0.03),
            USDC: OraclePrice(1.0, vouched(clock), 0.01),
        }
    )
    assert prices.disagreement(SOL, USDC) == prices.disagreement(USDC, SOL) == pytest.approx(0.06)
    assert prices.disagreement(SOL, MSOL) == pytest.approx(0.03)
    assert prices.disagreement(MSOL, USDC) == pytest.approx(0.09)


def test_price_nobody_vouches_for_scores_nothing() -> None:
    clock = FakeClock()
    prices = known(clock)
    prices.update({SOL: OraclePrice(140.0, NEVER_VOUCHED)})
    assert prices.rate(SOL, USDC, moment(clock)) is None


async def test_without_an_answer_what_is_known_stays() -> None:
    clock = FakeClock()
    prices = OraclePrices(stale_after_ns=60 * S)
    answers: list[Mapping[Pubkey, OraclePrice | None] | Exception] = [
        {SOL: OraclePrice(140.0, vouched(clock)), USDC: OraclePrice(1.0, vouched(clock))},
        ProviderUnavailable("local quote service", "cannot be reached"),
        {SOL: OraclePrice(150.0, vouched(clock))},
    ]
    followed: list[float] = []

    async def read() -> Mapping[Pubkey, OraclePrice | None]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    follower = OracleFollower(prices, read=read, follow=lambda usd: followed.append(usd[SOL]), interval_ns=0)
    for _ in range(3):
        await follower.step()
    assert followed == [140.0, 150.0]
    assert prices.rate(SOL, USDC, moment(clock)) == 150.0
    assert follower.failure_count == 1
