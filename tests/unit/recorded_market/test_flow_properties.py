"""What holds for every seed: pools never lose by trading, and only what may change changes."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quote_core.dex.constant_product import VaultPool
from quote_core.dex.pumpswap.fill import PumpCurve
from quote_core.quotes import Provenance
from quote_core.tokens import TokenRegistry
from quote_core.units import Pubkey
from recorded_market.genesis import make_genesis
from recorded_market.ledger import Commitment
from recorded_market.market import Market
from recorded_market.native_sol import with_native_lamports
from recorded_market.recording import Recording

SLOT_COUNT = 40
seeds = st.integers(0, 2**63)
few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def reserve_products(market: Market) -> dict[Pubkey, int]:
    """k of every constant-product pool; what the vaults hold for others is no reserve."""
    curves = {pool.address: pool._derived for pool in market.tradable_pools() if isinstance(pool, VaultPool)}
    return {
        address: curve.base_reserve * curve.quote_reserve
        if isinstance(curve, PumpCurve)
        else curve.reserve_a * curve.reserve_b
        for address, curve in curves.items()
    }


@few
@given(seeds)
def test_a_constant_product_never_falls(recording: Recording, tokens: TokenRegistry, seed: int) -> None:
    market = Market(make_genesis(recording, tokens, seed=seed))
    before = reserve_products(market)
    for _ in range(SLOT_COUNT):
        market.advance()
        after = reserve_products(market)
        assert all(after[address] >= product for address, product in before.items())
        before = after


@few
@given(seeds)
def test_no_account_appears_vanishes_or_changes_owner_or_size(
    recording: Recording, tokens: TokenRegistry, seed: int
) -> None:
    genesis = make_genesis(recording, tokens, seed=seed)
    market = Market(genesis)
    for _ in range(SLOT_COUNT):
        for pubkey, account in market.advance()[Commitment.PROCESSED].changes.items():
            before = genesis.accounts[pubkey]
            assert (account.owner, len(account.data)) == (before.owner, len(before.data))
            assert with_native_lamports(account) == account


@few
@given(seeds)
def test_mints_and_configurations_never_change(recording: Recording, tokens: TokenRegistry, seed: int) -> None:
    genesis = make_genesis(recording, tokens, seed=seed)
    market = Market(genesis)
    changed: set[Pubkey] = set()
    for _ in range(SLOT_COUNT):
        changed |= market.advance()[Commitment.PROCESSED].changes.keys()
    pools = {pool.address for pool in market.tradable_pools()}
    needed = {need.pubkey for pool in market.tradable_pools() for need in pool.accounts_needed()}
    patched = {pubkey for pubkey, origin in genesis.provenance.items() if origin is Provenance.PATCHED}
    assert changed <= pools | needed | patched
    assert changed.isdisjoint(token.mint for token in tokens)
