import pytest

from quote_core.dex.pyth import decode_price_update
from quote_core.errors import LayoutMismatch
from quote_core.quotes import Provenance
from quote_core.tokens import TokenRegistry
from quote_core.units import Pubkey
from recorded_market.chain_time import CLOCK_SYSVAR
from recorded_market.genesis import Genesis, make_genesis
from recorded_market.recording import Recording

WITHOUT_POOLS = ("sSOL", "mpSOL", "BGSOL")


def test_every_account_has_a_provenance(genesis: Genesis) -> None:
    assert genesis.accounts.keys() == genesis.provenance.keys()


def test_recorded_accounts_are_untouched_unless_marked_patched(genesis: Genesis, recording: Recording) -> None:
    patched = {pubkey for pubkey, account in recording.accounts.items() if genesis.accounts[pubkey] != account}
    assert patched
    assert all(genesis.provenance[pubkey] is Provenance.PATCHED for pubkey in patched)
    recorded = {pubkey for pubkey, origin in genesis.provenance.items() if origin is Provenance.RECORDED}
    assert recorded <= recording.accounts.keys()


def test_only_oracles_and_the_clock_are_patched(genesis: Genesis, tokens: TokenRegistry) -> None:
    oracles = {oracle.account for token in tokens for oracle in token.oracles}
    patched = {pubkey for pubkey, origin in genesis.provenance.items() if origin is Provenance.PATCHED}
    assert patched <= oracles | {CLOCK_SYSVAR}
    assert CLOCK_SYSVAR in patched


def test_what_is_not_recorded_is_synthetic(genesis: Genesis, recording: Recording) -> None:
    for pubkey, origin in genesis.provenance.items():
        assert (origin is Provenance.SYNTHETIC) is (pubkey not in recording.accounts)


def test_twelve_pairs_have_pools_and_three_have_none(genesis: Genesis, tokens: TokenRegistry) -> None:
    pools = genesis.flow.book.tradable(genesis.chain_time.clock(genesis.slot))
    counts = {
        pair.quote.symbol: sum({pool.mint_a, pool.mint_b} == {pair.base.mint, pair.quote.mint} for pool in pools)
        for pair in tokens.pairs
    }
    assert len(counts) == 15
    assert {symbol for symbol, count in counts.items() if count == 0} == set(WITHOUT_POOLS)
    assert all(count >= 2 for symbol, count in counts.items() if symbol not in WITHOUT_POOLS)


def test_every_registered_mint_exists_with_the_registered_decimals(genesis: Genesis, tokens: TokenRegistry) -> None:
    for token in tokens:
        assert genesis.accounts[token.mint].data[44] == token.decimals


def test_the_first_slot_lies_after_everything_recorded(
    genesis: Genesis, recording: Recording, tokens: TokenRegistry
) -> None:
    clock = genesis.chain_time.clock(genesis.slot)
    for token in tokens:
        if token.oracle is not None and token.oracle.kind == "pyth":
            account = token.oracle.account
            assert decode_price_update(account, recording.accounts[account]).publish_time <= clock.unix_timestamp
            assert decode_price_update(account, genesis.accounts[account]).publish_time == clock.unix_timestamp


def test_the_sol_price_begins_where_the_recorded_pools_stand(genesis: Genesis) -> None:
    feed = Pubkey("7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE")
    assert 80.80 <= decode_price_update(feed, genesis.accounts[feed]).value <= 81.77


def test_without_a_clock_there_is_no_market(recording: Recording, tokens: TokenRegistry) -> None:
    accounts = {pubkey: account for pubkey, account in recording.accounts.items() if pubkey != CLOCK_SYSVAR}
    with pytest.raises(LayoutMismatch, match="holds no Clock sysvar"):
        make_genesis(Recording(accounts, {}), tokens, seed=1)


def test_without_a_price_of_sol_there_is_no_market(recording: Recording, tokens: TokenRegistry) -> None:
    feed = Pubkey("7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE")
    accounts = {pubkey: account for pubkey, account in recording.accounts.items() if pubkey != feed}
    with pytest.raises(LayoutMismatch, match="holds no price feed of SOL"):
        make_genesis(Recording(accounts, {}), tokens, seed=1)


def test_without_any_recorded_mint_none_can_be_made(recording: Recording, tokens: TokenRegistry) -> None:
    mints = {token.mint for token in tokens}
    accounts = {pubkey: account for pubkey, account in recording.accounts.items() if pubkey not in mints}
    without_infinity = TokenRegistry((token for token in tokens if token.symbol != "INF"), ())
    with pytest.raises(LayoutMismatch, match="holds the mint of no registered token"):
        make_genesis(Recording(accounts, {}), without_infinity, seed=1)


def test_a_registry_of_two_tokens_makes_a_market_of_their_pools(recording: Recording, tokens: TokenRegistry) -> None:
    few = [token for token in tokens if token.symbol in ("SOL", "USDC")]
    genesis = make_genesis(recording, TokenRegistry(few, ()), seed=1)
    made = {pubkey for pubkey, origin in genesis.provenance.items() if origin is Provenance.SYNTHETIC}
    assert {genesis.accounts[pubkey].owner for pubkey in made} == {"srmqPvymJeFKQ4zGQed1GFppgkRHL9kaELCbyksJtPX"}
    assert (
        len(genesis.flow.book.tradable(genesis.chain_time.clock(genesis.slot))) == 5 + 1
    )  # and the one that only USDC values
