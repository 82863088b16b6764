"""Reference prices, when they count as stale, and whose they are."""

from collections import Counter
from dataclasses import replace

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_market import JITOSOL, REGISTRY, SOL, SSOL, USDC
from fakes.oracle_accounts import (
    infinity_account,
    mint_account,
    pyth_account,
    stake_pool_account,
    switchboard_account,
)
from fakes.oracle_readings import Outside

from local_quote.chain_progress import ChainProgress
from local_quote.oracle import (
    OracleReading,
    PolicyLimits,
    PriceOracle,
    PriceReading,
    Refusal,
    Source,
    SourceReading,
    Standing,
    Unit,
)
from quote_core.clock import moment
from quote_core.dex.pool import Account, ChainClock
from quote_core.freshness import Freshness
from quote_core.quotes import Provenance
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.tokens import Token
from quote_core.units import Pubkey

NOW = 1_785_000_000
INF = REGISTRY.resolve("INF", field="symbol")
CLOCK = ChainClock(slot=1000, unix_timestamp=NOW, epoch=500)


TIME = FakeClock()
LIMITS = PolicyLimits(age_s_max=60, epoch_age_max=1, conf_fraction_max=0.02, deviation_fraction_max=0.02)


@pytest.fixture
def oracle() -> PriceOracle:
    return PriceOracle(REGISTRY, clock=TIME, limits=LIMITS)


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


def switchboard(oracle: PriceOracle, dollars: float, *, slot: int = 1000, **fields: float) -> None:
    (feed,) = SOL.further_oracles
    account = switchboard_account(value=dollars, slot=slot, **fields)  # type: ignore[arg-type]  # its own
    update = AccountUpdate(feed.account, slot, account, TIME.mono_ns(), UpdateSource.ANSWER, TIME.mono_ns())
    oracle.apply(update, progress_to(slot))


def outside(source: Source, price: float, **fields: int) -> PriceReading:
    return PriceReading(
        source=source,
        price=price,
        unit=Unit.USD,
        freshness=Freshness(moment(TIME), 0),
        **fields,  # type: ignore[arg-type]  # its own
    )


def whys(told: OracleReading) -> dict[str, tuple[str, str]]:
    return {one.source: (one.standing, one.why) for one in told.sources}


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
    oracle = PriceOracle(REGISTRY, clock=time, limits=LIMITS)
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


def test_a_price_that_changed_in_a_slot_taken_back_is_stale_until_it_is_read_again(oracle: PriceOracle) -> None:
    usd(oracle, USDC, 1.0, slot=10)
    usd(oracle, SOL, 160.0, slot=12)
    revision = oracle.revision
    oracle.roll_back(11)
    assert (reading(oracle, SOL).is_stale, reading(oracle, USDC).is_stale) == (True, False)
    assert oracle.rate(SOL, USDC, CLOCK) is None
    assert oracle.revision > revision
    usd(oracle, SOL, 159.0, slot=13)
    assert oracle.rate(SOL, USDC, CLOCK) == pytest.approx(159.0)


def test_each_source_is_told_with_what_became_of_it_and_why(oracle: PriceOracle) -> None:
    oracle.add_source(Outside(Source.HERMES, SOL, fault="hermes: answered 500"))
    oracle.add_source(Outside(Source.JUPITER, SOL))
    usd(oracle, SOL, 160.0)
    switchboard(oracle, 170.0, slots_max=250)
    oracle.take(SOL.mint, outside(Source.JUPITER, 160.8, published_slot=1000))
    told = reading(oracle, SOL)
    assert (told.source, told.usd, told.disagreement) == ("pyth", pytest.approx(160.0), 0.0)
    assert whys(told) == {
        "pyth": ("chosen", ""),
        "jupiter": ("outranked", "agrees within 0.5 %"),
        "switchboard": ("disagrees", "6.25 % off the chosen price, more than 2 %"),
        "hermes": ("silent", "hermes: answered 500"),
    }


def test_one_against_one_is_a_dispute_that_says_how_far_they_are_apart(oracle: PriceOracle) -> None:
    usd(oracle, SOL, 160.0)
    usd(oracle, USDC, 1.0)
    jito(oracle, 1.25)
    switchboard(oracle, 168.0)
    assert reading(oracle, SOL).disagreement == pytest.approx(0.05)
    assert reading(oracle, SOL).disagreement_in_sol == 0.0
    assert reading(oracle, JITOSOL).disagreement == pytest.approx(0.05)  # in dollars it rests on SOL's
    assert reading(oracle, JITOSOL).disagreement_in_sol == 0.0
    assert (reading(oracle, USDC).disagreement, reading(oracle, USDC).disagreement_in_sol) == (0.0, None)
    assert oracle.disputed(CLOCK) == [SOL]
    assert oracle.rate(SOL, USDC, CLOCK) == pytest.approx(160.0)


def test_another_source_takes_the_place_of_one_that_is_stale(oracle: PriceOracle) -> None:
    usd(oracle, SOL, 160.0, publish_time=NOW - 61)
    usd(oracle, USDC, 1.0)
    assert oracle.rate(SOL, USDC, CLOCK) is None
    switchboard(oracle, 150.0)
    assert oracle.rate(SOL, USDC, CLOCK) == pytest.approx(150.0)
    told = reading(oracle, SOL)
    assert (told.source, told.is_stale) == ("switchboard", False)
    assert whys(told)["pyth"] == ("stale", "published 61 s ago")


def test_a_wide_interval_is_not_used_and_is_told_in_dollars(oracle: PriceOracle) -> None:
    assert SOL.oracle is not None
    assert SOL.oracle.feed_id is not None
    wide = pyth_account(SOL.oracle.feed_id, price=16_000_000_000, conf=400_000_000, publish_time=NOW)
    told(oracle, SOL, wide)
    found = reading(oracle, SOL)
    assert (found.is_stale, found.usd, found.conf_usd) == (True, pytest.approx(160.0), pytest.approx(4.0))
    assert whys(found)["pyth"] == ("wide", "an interval of 2.5 % either way, more than 2 %")


@pytest.mark.parametrize(
    ("slot", "slots_max", "standing"),
    [(1000, 0, "chosen"), (990, 10, "chosen"), (990, 9, "stale"), (2000, 250, "ahead"), (1000, 250, "chosen")],
)
def test_a_switchboard_value_is_used_while_its_own_feed_would(
    oracle: PriceOracle, slot: int, slots_max: int, standing: str
) -> None:
    switchboard(oracle, 150.0, slot=slot, slots_max=slots_max)
    assert whys(reading(oracle, SOL))["switchboard"][0] == standing


def test_a_switchboard_interval_is_of_two_standard_deviations(oracle: PriceOracle) -> None:
    switchboard(oracle, 100.0, std_dev=1.0)
    assert reading(oracle, SOL).conf_usd == pytest.approx(1.96)


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf"), 1e300, 1e-300])
def test_what_cannot_be_a_price_is_refused_whoever_tells_it(oracle: PriceOracle, price: float) -> None:
    oracle.add_source(Outside(Source.HERMES, SOL))
    oracle.take(SOL.mint, outside(Source.HERMES, price, published_unix_s=NOW))
    assert oracle.refused_counts == {(Source.HERMES, Refusal.PRICE): 1}
    assert reading(oracle, SOL).usd is None


@pytest.mark.parametrize(("exponent", "price"), [(-2_000_000_000, 1), (2_000_000_000, 1), (12, 10**18), (-40, 1)])
def test_an_exponent_beyond_any_price_is_refused_and_crashes_nothing(
    oracle: PriceOracle, exponent: int, price: int
) -> None:
    assert SOL.oracle is not None
    assert SOL.oracle.feed_id is not None
    usd(oracle, SOL, 160.0)
    told(oracle, SOL, pyth_account(SOL.oracle.feed_id, price=price, exponent=exponent, publish_time=NOW), slot=11)
    assert oracle.unreadable_count == 1
    assert reading(oracle, SOL).usd == pytest.approx(160.0)


def test_bytes_that_a_switchboard_feed_cannot_have_are_counted_by_field(oracle: PriceOracle) -> None:
    switchboard(oracle, 150.0)
    switchboard(oracle, -150.0, slot=1001)
    (feed,) = SOL.further_oracles
    damaged = Account(Pubkey("SBondMDrcV3K4kxZR1HNVT7osZxAHVHgYXL5Ze1oMUv"), b"\xff" * 100)
    oracle.apply(
        AccountUpdate(feed.account, 1002, damaged, TIME.mono_ns(), UpdateSource.ANSWER, TIME.mono_ns()),
        progress_to(1002),
    )
    assert oracle.unreadable_count == 2
    assert oracle.refused_counts == {
        (Source.SWITCHBOARD, Refusal.PRICE): 1,
        (Source.SWITCHBOARD, Refusal.UNREADABLE): 1,
    }
    assert reading(oracle, SOL).usd == pytest.approx(150.0)


def test_an_outside_price_published_before_the_one_held_is_dropped(oracle: PriceOracle) -> None:
    oracle.add_source(Outside(Source.HERMES, SOL))
    oracle.take(SOL.mint, outside(Source.HERMES, 160.0, published_unix_s=NOW))
    revision = oracle.revision
    oracle.take(SOL.mint, outside(Source.HERMES, 150.0, published_unix_s=NOW - 1))
    assert reading(oracle, SOL).usd == pytest.approx(160.0)
    assert oracle.revision == revision
    assert oracle.refused_counts == {(Source.HERMES, Refusal.OLDER): 1}
    oracle.take(SOL.mint, outside(Source.HERMES, 150.0, published_unix_s=NOW))
    assert reading(oracle, SOL).usd == pytest.approx(150.0)


def test_a_time_far_ahead_is_not_used_and_keeps_a_source_out_no_longer_than_the_longest_age() -> None:
    time = FakeClock()
    oracle = PriceOracle(REGISTRY, clock=time, limits=LIMITS)
    oracle.add_source(Outside(Source.HERMES, SOL))

    def take(price: float, unix_s: int) -> None:
        freshness = Freshness(moment(time), 0)
        oracle.take(SOL.mint, replace(outside(Source.HERMES, price, published_unix_s=unix_s), freshness=freshness))

    def standing() -> str:
        (sol,) = [one for one in oracle.readings(CLOCK, time.mono_ns()) if one.token is SOL]
        return whys(sol)["hermes"][0]

    take(1.0, 2**40)
    assert standing() == "ahead"
    time.advance_ms(60_000)
    take(160.0, NOW)
    assert standing() == "ahead"
    time.advance_ms(1)
    take(160.0, NOW)
    assert standing() == "chosen"


def test_a_source_that_begins_to_tell_no_time_is_still_taken(oracle: PriceOracle) -> None:
    oracle.add_source(Outside(Source.JUPITER, SOL))
    oracle.take(SOL.mint, outside(Source.JUPITER, 160.0, published_slot=1000))
    oracle.take(SOL.mint, outside(Source.JUPITER, 150.0))
    assert reading(oracle, SOL).usd == pytest.approx(150.0)


def test_what_an_account_and_a_silent_source_lack_is_told(oracle: PriceOracle) -> None:
    oracle.add_source(Outside(Source.JUPITER, SOL, SSOL))
    assert whys(reading(oracle, SOL)) == {
        "pyth": ("silent", "no account that can be read"),
        "switchboard": ("silent", "no account that can be read"),
        "jupiter": ("silent", "has told no price yet"),
    }
    assert reading(oracle, SSOL).sources == (
        SourceReading("jupiter", None, None, 0, "silent", "has told no price yet"),
    )


def test_a_staking_token_without_a_rate_is_priced_by_whoever_knows_it_through_sol(oracle: PriceOracle) -> None:
    oracle.add_source(Outside(Source.JUPITER, SSOL))
    oracle.take(SSOL.mint, outside(Source.JUPITER, 176.0))
    assert whys(reading(oracle, SSOL))["jupiter"] == ("unpriced", "in dollars, and SOL has no price")
    assert reading(oracle, SSOL).usd is None
    usd(oracle, SOL, 160.0)
    assert oracle.rate(SSOL, SOL, CLOCK) == pytest.approx(1.1)
    assert reading(oracle, SSOL).usd == pytest.approx(176.0)


def test_another_chain_forgets_outside_prices_too(oracle: PriceOracle) -> None:
    oracle.add_source(Outside(Source.JUPITER, SOL))
    oracle.take(SOL.mint, outside(Source.JUPITER, 160.0))
    switchboard(oracle, 160.0)
    oracle.begin_anew()
    assert {one.standing for one in reading(oracle, SOL).sources} == {"silent"}


def test_readings_are_counted_by_source_and_standing(oracle: PriceOracle) -> None:
    usd(oracle, SOL, 160.0)
    usd(oracle, USDC, 1.0, publish_time=NOW - 100)
    switchboard(oracle, 160.0)
    counted = Counter((source, standing) for source, standing, _ in oracle.standings(CLOCK))
    assert counted == {
        (Source.PYTH, Standing.CHOSEN): 1,
        (Source.PYTH, Standing.STALE): 1,
        (Source.SWITCHBOARD, Standing.OUTRANKED): 1,
    }
    assert oracle.taken_counts == {Source.PYTH: 2, Source.SWITCHBOARD: 1}
