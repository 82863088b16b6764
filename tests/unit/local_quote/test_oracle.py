"""Reference prices, and when they count as stale."""

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_market import JITOSOL, REGISTRY, SOL, SSOL, USDC
from fakes.oracle_accounts import infinity_account, mint_account, pyth_account, stake_pool_account

from local_quote.chain_progress import ChainProgress
from local_quote.oracle import OracleReading, PriceOracle
from quote_core.dex.pool import Account, ChainClock
from quote_core.quotes import Provenance
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.tokens import Token

NOW = 1_785_000_000
INF = REGISTRY.resolve("INF", field="symbol")
CLOCK = ChainClock(slot=1000, unix_timestamp=NOW, epoch=500)


TIME = FakeClock()


@pytest.fixture
def oracle() -> PriceOracle:
    return PriceOracle(REGISTRY, clock=TIME, age_s_max=60, rate_epoch_age_max=1)


def progress_to(slot: int) -> ChainProgress:
    """A chain that has just come to a slot."""
    progress = ChainProgress()
    progress.see(slot - 1, TIME.mono_ns(), is_answer=False)
    progress.see(slot, TIME.mono_ns(), is_answer=False)
    return progress


def told(oracle: PriceOracle, token: Token, account: Account | None, *, slot: int = 10) -> None:
    assert token.oracle is not None
    now_mono_ns = TIME.mono_ns()
    update = AccountUpdate(token.oracle.account, slot, account, now_mono_ns, UpdateSource.ANSWER, now_mono_ns)
    oracle.apply(update, progress_to(slot))


def usd(oracle: PriceOracle, token: Token, dollars: float, *, publish_time: int = NOW, slot: int = 10) -> None:
    assert token.oracle is not None
    assert token.oracle.feed_id is not None
    account = pyth_account(token.oracle.feed_id, price=round(dollars * 10**8), publish_time=publish_time)
    told(oracle, token, account, slot=slot)


def jito(oracle: PriceOracle, rate: float, *, epoch: int = 500) -> None:
    told(oracle, JITOSOL, stake_pool_account(total_lamports=round(rate * 10**15), supply=10**15, epoch=epoch))


def reading(oracle: PriceOracle, token: Token, clock: ChainClock = CLOCK) -> OracleReading:
    return next(one for one in oracle.readings(clock, TIME.mono_ns()) if one.token is token)


def test_dollars_cross_to_whole_output_per_whole_input(oracle: PriceOracle) -> None:
    usd(oracle, SOL, 160.0)
    usd(oracle, USDC, 0.5)
    assert oracle.rate(SOL, USDC, CLOCK) == pytest.approx(320.0)
    assert oracle.rate(USDC, SOL, CLOCK) == pytest.approx(1 / 320.0)


def test_a_staking_token_against_sol_needs_no_dollar_price(oracle: PriceOracle) -> None:
    jito(oracle, 1.25)
    assert oracle.rate(JITOSOL, SOL, CLOCK) == pytest.approx(1.25)
    assert oracle.rate(SOL, JITOSOL, CLOCK) == pytest.approx(0.8)
    assert oracle.rate(JITOSOL, USDC, CLOCK) is None


def test_a_staking_token_in_dollars_is_its_rate_times_the_price_of_sol(oracle: PriceOracle) -> None:
    usd(oracle, SOL, 160.0)
    usd(oracle, USDC, 1.0)
    jito(oracle, 1.25)
    assert oracle.rate(JITOSOL, USDC, CLOCK) == pytest.approx(200.0)
    assert reading(oracle, JITOSOL).usd == pytest.approx(200.0)


def test_infinity_waits_for_the_supply_of_its_mint(oracle: PriceOracle) -> None:
    assert INF.mint in oracle.accounts
    told(oracle, INF, infinity_account(total_sol_value=3 * 10**12))
    assert oracle.rate(INF, SOL, CLOCK) is None
    supply = AccountUpdate(INF.mint, 11, mint_account(supply=2 * 10**12), 0, UpdateSource.ANSWER, TIME.mono_ns())
    oracle.apply(supply, progress_to(11))
    assert oracle.rate(INF, SOL, CLOCK) == pytest.approx(1.5)


def test_a_pyth_price_is_stale_by_the_chains_clock(oracle: PriceOracle) -> None:
    usd(oracle, SOL, 160.0, publish_time=NOW - 60)
    usd(oracle, USDC, 1.0)
    assert oracle.rate(SOL, USDC, CLOCK) is not None
    later = ChainClock(slot=1002, unix_timestamp=NOW + 1, epoch=500)
    assert oracle.rate(SOL, USDC, later) is None
    assert (reading(oracle, SOL, later).is_stale, reading(oracle, SOL, later).age_ms) == (True, 61_000)
    assert reading(oracle, SOL, later).usd == pytest.approx(160.0)


@pytest.mark.parametrize(("epoch", "is_stale"), [(500, False), (499, False), (498, True)])
def test_a_rate_is_stale_after_its_epochs(oracle: PriceOracle, epoch: int, is_stale: bool) -> None:
    usd(oracle, SOL, 160.0)
    jito(oracle, 1.25, epoch=epoch)
    assert reading(oracle, JITOSOL).is_stale == is_stale
    assert (oracle.rate(JITOSOL, SOL, CLOCK) is None) == is_stale


def test_a_dollar_price_of_a_staking_token_is_stale_with_the_price_of_sol(oracle: PriceOracle) -> None:
    usd(oracle, SOL, 160.0, publish_time=NOW - 61)
    jito(oracle, 1.25)
    assert reading(oracle, JITOSOL).is_stale
    assert oracle.rate(JITOSOL, SOL, CLOCK) is not None


def test_what_is_not_fully_verified_or_of_another_feed_or_rubbish_is_counted_and_not_taken(oracle: PriceOracle) -> None:
    assert SOL.oracle is not None
    assert SOL.oracle.feed_id is not None
    usd(oracle, SOL, 160.0)
    for account in (
        pyth_account(SOL.oracle.feed_id, price=10**10, publish_time=NOW, is_fully_verified=False),
        pyth_account("00" * 32, price=10**10, publish_time=NOW),
        Account("somebody", b""),
    ):
        told(oracle, SOL, account, slot=11)
    assert oracle.unreadable_count == 3
    assert reading(oracle, SOL).usd == pytest.approx(160.0)


def test_an_older_slot_does_not_replace_a_newer_price(oracle: PriceOracle) -> None:
    usd(oracle, SOL, 160.0, slot=10)
    usd(oracle, SOL, 150.0, slot=9)
    told(oracle, SOL, None, slot=12)
    assert reading(oracle, SOL).usd == pytest.approx(160.0)


def test_every_registered_token_is_listed_in_order_and_unknown_ones_are_empty(oracle: PriceOracle) -> None:
    readings = oracle.readings(CLOCK, TIME.mono_ns())
    assert [one.token for one in readings] == list(REGISTRY)
    assert reading(oracle, SSOL) == OracleReading(SSOL, None, "", 0, is_stale=False, provenance=None)
    assert reading(oracle, SOL).source == "pyth"


def test_a_price_is_no_better_than_what_it_rests_on(oracle: PriceOracle) -> None:
    assert SOL.oracle is not None
    assert JITOSOL.oracle is not None
    usd(oracle, SOL, 160.0)
    jito(oracle, 1.25)
    oracle.set_provenance(SOL.oracle.account, Provenance.PATCHED)
    oracle.set_provenance(JITOSOL.oracle.account, Provenance.RECORDED)
    assert reading(oracle, JITOSOL).provenance is Provenance.PATCHED


def test_a_price_that_no_advancing_chain_vouches_for_is_stale_though_the_chains_clock_stands_still() -> None:
    """A frozen node freezes the comparison of publish time and chain time, too: its price would be new for ever."""
    time, progress = FakeClock(), ChainProgress()
    oracle = PriceOracle(REGISTRY, clock=time, age_s_max=60, rate_epoch_age_max=1)
    assert SOL.oracle is not None
    assert SOL.oracle.feed_id is not None
    account = pyth_account(SOL.oracle.feed_id, price=10**10, publish_time=NOW)
    for slot in (9, 10):
        progress.see(slot, time.mono_ns(), is_answer=True)
    for second in range(80):
        now_mono_ns = time.mono_ns()
        update = AccountUpdate(SOL.oracle.account, 10, account, now_mono_ns, UpdateSource.ANSWER, now_mono_ns)
        oracle.apply(update, progress)
        (sol,) = [one for one in oracle.readings(CLOCK, now_mono_ns) if one.token is SOL]
        assert sol.is_stale == (second > 60)
        assert sol.freshness.vouched.mono_ns == time.mono_ns() - second * 10**9
        time.advance_ms(1_000)
    assert oracle.rate(SOL, SOL, CLOCK) == 1.0  # a price in itself rests on nothing
    assert oracle.rate(SOL, USDC, CLOCK) is None


def test_bytes_that_cannot_be_read_vouch_for_nothing(oracle: PriceOracle) -> None:
    jito(oracle, 1.25)
    before = oracle.readings(CLOCK, TIME.mono_ns())
    told(oracle, JITOSOL, Account("somebody", b""), slot=500)
    after = oracle.readings(CLOCK, TIME.mono_ns())
    assert [one.freshness for one in after] == [one.freshness for one in before]
