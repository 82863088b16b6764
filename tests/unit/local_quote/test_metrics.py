"""What is told of oracles is what they hold, by labels of closed sets."""

from fakes.held_market import SOL, USDC, HeldMarket
from fakes.oracle_accounts import pyth_account, switchboard_account

from local_quote.metrics import oracle_samples
from local_quote.oracle import Refusal, Source, Standing
from quote_core.dex.pool import Account
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.tokens import OracleSource


def told(held: HeldMarket, feed: OracleSource | None, account: Account) -> None:
    assert feed is not None
    now_mono_ns = held.clock.mono_ns()
    update = AccountUpdate(feed.account, held.slot, account, now_mono_ns, UpdateSource.ANSWER, now_mono_ns)
    held.market.apply([update])


def test_prices_are_told_by_source_standing_and_refusal(held: HeldMarket) -> None:
    clock = held.market.chain_clock
    assert clock is not None
    assert SOL.oracle is not None
    assert USDC.oracle is not None
    (feed,) = SOL.further_oracles
    published_s = clock.unix_timestamp - 7
    told(held, SOL.oracle, pyth_account(SOL.oracle.feed_id or "", price=8 * 10**9, publish_time=published_s))
    told(held, feed, switchboard_account(value=84.0, slot=clock.slot))
    told(held, USDC.oracle, pyth_account("00" * 32, price=10**8, publish_time=published_s))
    values = {(one.family.name.removeprefix("solquote_local_quote_oracle_"), *one.labels): one.value
              for one in oracle_samples(held.market)}  # fmt: skip
    assert {key: value for key, value in values.items() if value} == {
        ("unreadable_total",): 1,
        ("prices_taken_total", "pyth"): 1,
        ("prices_taken_total", "switchboard"): 1,
        ("refusals_total", "pyth", "feed_id"): 1,
        ("readings", "pyth", "chosen"): 1,
        ("readings", "switchboard", "disagrees"): 1,
        ("age_max_seconds", "pyth"): 7,
        ("disputed_tokens",): 1,
    }
    sources, refusals = [source.label for source in Source], [refusal.value for refusal in Refusal]
    assert {key[1:] for key in values if key[0] == "refusals_total"} == {
        (source, refusal) for source in sources for refusal in refusals
    }
    assert {key[1:] for key in values if key[0] == "readings"} == {
        (source, standing.value) for source in sources for standing in Standing
    }
