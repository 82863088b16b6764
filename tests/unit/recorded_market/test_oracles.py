import pytest

from quote_core.dex.lst_rates import decode_rate
from quote_core.dex.pyth import PythPrice, decode_price_update
from quote_core.dex.spl_token import decode_mint
from quote_core.dex.switchboard import SwitchboardPrice, decode_pull_feed
from quote_core.errors import LayoutMismatch
from quote_core.tokens import TokenRegistry
from quote_core.units import Pubkey
from recorded_market.chain_time import CLOCK_SYSVAR, ChainTime
from recorded_market.oracles import Oracles, recorded_feeds, recorded_rates
from recorded_market.recording import Recording

TIME = ChainTime(436_445_025, 1_785_538_204)
FIRST = 436_453_863  # divisible by three, so that a price is published in it
SOL = Pubkey("So11111111111111111111111111111111111111112")
SOL_FEED = Pubkey("7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE")
SWITCHBOARD_FEEDS = (
    Pubkey("BSzfJs4d1tAkSDqkepnfzEVcx2WtDVnwwXa2giy9PLeP"),
    Pubkey("HX5WM3qzogAfRCjBUWwnniLByMfFrjm1b5yo4KoWGR27"),
)
JITO_POOL = Pubkey("Jito4APyf642JPZPx3hGc6WWJ8zPKtRbRs4P815Awbb")


@pytest.fixture
def oracles(recording: Recording, tokens: TokenRegistry) -> Oracles:
    return Oracles(recording.accounts, tokens, TIME)


def sol_price(oracles: Oracles, slot: int, price: int) -> PythPrice | None:
    changes = oracles.update(TIME.clock(slot), {SOL: price})
    return decode_price_update(SOL_FEED, changes[SOL_FEED]) if SOL_FEED in changes else None


def test_the_eleven_recorded_rates_are_read(recording: Recording, tokens: TokenRegistry) -> None:
    rates = recorded_rates(recording.accounts, tokens)
    by_symbol = {token.symbol: rates[token.mint].sol_per_token for token in tokens if token.mint in rates}
    assert by_symbol == pytest.approx(
        {
            "JitoSOL": 1.2935, "JupSOL": 1.2013, "mSOL": 1.2987, "hyloSOL": 1.0739, "bbSOL": 1.0848, "bonkSOL": 1.1107,
            "dSOL": 1.1170, "stSOL": 1.2124, "BNSOL": 1.0547, "bSOL": 1.2395, "INF": 1.2359,
        },
        abs=1e-3,
    )  # fmt: skip


def test_three_feeds_are_recorded(recording: Recording, tokens: TokenRegistry) -> None:
    feeds = recorded_feeds(recording.accounts, tokens)
    assert sorted(token.symbol for token in tokens if token.mint in feeds) == ["SOL", "USDC", "USDT"]


def test_the_first_update_tells_everything_at_its_own_time(oracles: Oracles) -> None:
    clock = TIME.clock(FIRST + 1)  # not a publishing slot, but the first
    changes = oracles.update(clock, {SOL: 8_160_000_000})
    assert changes.keys() == oracles.pubkeys
    price = decode_price_update(SOL_FEED, changes[SOL_FEED])
    assert (price.price, price.ema_price) == (8_160_000_000, 8_160_000_000)
    assert (price.publish_time, price.posted_slot) == (clock.unix_timestamp, clock.slot)


def test_prices_are_published_every_third_slot_and_never_in_the_future(oracles: Oracles) -> None:
    published = []
    for slot in range(FIRST, FIRST + 10):
        price = sol_price(oracles, slot, 8_160_000_000)
        if price is not None:
            published.append(slot - FIRST)
            assert price.publish_time <= TIME.clock(slot).unix_timestamp
    assert published == [0, 3, 6, 9]


def test_the_moving_average_follows_slowly(oracles: Oracles) -> None:
    sol_price(oracles, FIRST, 8_000_000_000)
    after = sol_price(oracles, FIRST + 3, 8_000_000_000 + 512_000)
    assert after is not None
    assert after.ema_price == 8_000_000_000 + 1_000


def test_a_stable_coin_keeps_its_recorded_price_at_a_new_time(
    oracles: Oracles, recording: Recording, tokens: TokenRegistry
) -> None:
    usdc = tokens.resolve("USDC", field="test")
    assert usdc.oracle is not None
    feed = usdc.oracle.account
    after = decode_price_update(feed, oracles.update(TIME.clock(FIRST), {})[feed])
    assert after.price == decode_price_update(feed, recording.accounts[feed]).price
    assert after.posted_slot == FIRST


def switchboard_prices(oracles: Oracles, slot: int, price: int) -> dict[Pubkey, SwitchboardPrice]:
    changes = oracles.update(TIME.clock(slot), {SOL: price})
    return {feed: decode_pull_feed(feed, changes[feed]) for feed in SWITCHBOARD_FEEDS if feed in changes}


def test_switchboard_finds_the_flows_price_every_tenth_second_and_as_surely_as_it_was_recorded(
    oracles: Oracles, recording: Recording, tokens: TokenRegistry
) -> None:
    sol_feed, jupsol_feed = SWITCHBOARD_FEEDS
    first = FIRST - FIRST % 25
    told = {slot: switchboard_prices(oracles, slot, 8_160_000_000) for slot in range(first, first + 51)}
    assert [slot - first for slot, prices in told.items() if prices] == [0, 25, 50]
    last = told[first + 50]
    assert last.keys() == {sol_feed, jupsol_feed}
    assert last[sol_feed].value == 81_600_000_000_000_000_000
    rate = recorded_rates(recording.accounts, tokens)[tokens.resolve("JupSOL", field="test").mint]
    assert last[jupsol_feed].price == pytest.approx(81.6 * rate.sol_per_token)
    assert {price.slot for price in last.values()} == {first + 50}
    recorded = decode_pull_feed(sol_feed, recording.accounts[sol_feed])
    assert last[sol_feed].conf / last[sol_feed].price == pytest.approx(recorded.conf / recorded.price)
    assert last[sol_feed].slots_max == recorded.slots_max


def test_a_rate_account_is_of_the_current_epoch_at_its_recorded_rate(
    oracles: Oracles, recording: Recording, tokens: TokenRegistry
) -> None:
    recorded = recorded_rates(recording.accounts, tokens)
    changes = oracles.update(TIME.clock(FIRST), {})
    with_epoch = set()
    for token in tokens:
        if token.mint in recorded and token.oracle is not None and token.oracle.account in changes:
            supply = decode_mint(token.mint, recording.accounts[token.mint]).supply if token.symbol == "INF" else None
            account = changes[token.oracle.account]
            rate = decode_rate(token.oracle.kind, account, mint_supply=supply, account_key=token.oracle.account)
            before = recorded[token.mint]
            assert (rate.numerator, rate.denominator) == (before.numerator, before.denominator)
            assert rate.epoch == 1010
            with_epoch.add(token.oracle.kind)
    assert with_epoch == {"stake_pool", "lido", "hylo"}


def test_rate_accounts_change_again_when_the_epoch_turns(oracles: Oracles) -> None:
    next_epoch = 1011 * 432_000
    oracles.update(TIME.clock(FIRST), {})
    assert JITO_POOL not in oracles.update(TIME.clock(next_epoch - 1), {})
    changes = oracles.update(TIME.clock(next_epoch), {})
    rate = decode_rate("stake_pool", changes[JITO_POOL], mint_supply=None, account_key=JITO_POOL)
    assert rate.epoch == 1011


def test_the_clock_changes_in_every_slot(oracles: Oracles) -> None:
    for slot in range(FIRST, FIRST + 4):
        assert oracles.update(TIME.clock(slot), {})[CLOCK_SYSVAR].data == TIME.sysvar(slot)


def test_a_recording_without_a_clock_is_refused(tokens: TokenRegistry) -> None:
    with pytest.raises(LayoutMismatch, match=CLOCK_SYSVAR):
        Oracles({}, tokens, TIME)
