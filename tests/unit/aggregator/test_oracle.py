from collections.abc import Mapping

import structlog
from fakes.held_quotes import MSOL, SOL, USDC

from aggregator.oracle import OracleFollower, OraclePrices
from quote_core.errors import ProviderUnavailable, TooManyQuotes
from quote_core.units import Pubkey


def test_price_is_the_ratio_of_two_known_ones() -> None:
    prices = OraclePrices()
    prices.update({SOL: 140.0, USDC: 1.0})
    assert prices.price(SOL, USDC) == 140.0
    assert prices.price(USDC, SOL) == 1 / 140.0
    assert prices.price(SOL, MSOL) is None


async def test_without_an_answer_what_is_known_stays() -> None:
    prices = OraclePrices()
    answers: list[Mapping[Pubkey, float] | Exception] = [
        {SOL: 140.0, USDC: 1.0},
        ProviderUnavailable("local quote service", "cannot be reached"),
        {SOL: 150.0},
    ]
    followed: list[float] = []

    async def read() -> Mapping[Pubkey, float]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    follower = OracleFollower(
        prices,
        read=read,
        follow=lambda usd: followed.append(usd[SOL]),
        interval_ns=0,
        log=structlog.get_logger(),
    )
    for _ in range(3):
        await follower.step()
    assert followed == [140.0, 150.0]
    assert prices.price(SOL, USDC) == 150.0
    assert follower.failure_count == 1


async def test_full_table_is_counted_and_survived() -> None:
    def refuse(usd: Mapping[Pubkey, float]) -> None:
        raise TooManyQuotes("pairs x amounts", 2_001, 2_000)

    async def read() -> Mapping[Pubkey, float]:
        return {SOL: 140.0}

    follower = OracleFollower(OraclePrices(), read=read, follow=refuse, interval_ns=0, log=structlog.get_logger())
    await follower.step()
    assert follower.failure_count == 1
