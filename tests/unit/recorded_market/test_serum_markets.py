"""What a client of AMM V4 finds when it follows a pool to its order book."""

import pytest
from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.dex.pool import Account
from quote_core.quotes import Provenance
from quote_core.tokens import TokenRegistry
from quote_core.units import Pubkey
from recorded_market.genesis import Genesis, make_genesis
from recorded_market.recording import Recording
from recorded_market.serum_markets import AUTHORITY, serum_markets

AMM_V4 = "675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8"
SERUM = "srmqPvymJeFKQ4zGQed1GFppgkRHL9kaELCbyksJtPX"
POOL = Pubkey("58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2")
MARKET = Pubkey("8BnEgHoWFysVcuFFX7QztDmzuH8r5ZFvyP3sYwn1XTh6")


@pytest.fixture(scope="module")
def genesis(recording: Recording, tokens: TokenRegistry) -> Genesis:
    return make_genesis(recording, tokens, seed=1)


def key_at(data: bytes, offset: int) -> str:
    return str(SoldersPubkey.from_bytes(data[offset : offset + 32]))


def test_every_pool_s_market_and_open_orders_are_there_and_marked(genesis: Genesis) -> None:
    pools = [held for held in genesis.accounts.values() if held.owner == AMM_V4 and len(held.data) == 752]
    assert len(pools) == 12
    for pool in pools:
        market_key, open_orders_key = key_at(pool.data, 528), key_at(pool.data, 496)
        for pubkey in (market_key, open_orders_key):
            assert genesis.accounts[Pubkey(pubkey)].owner == key_at(pool.data, 560) == SERUM
            assert genesis.provenance[Pubkey(pubkey)] is Provenance.SYNTHETIC
        market = genesis.accounts[Pubkey(market_key)].data
        assert (len(market), market[:5], market[-7:]) == (388, b"serum", b"padding")
        assert (int.from_bytes(market[5:13], "little"), key_at(market, 13)) == (3, market_key)
        assert (key_at(market, 53), key_at(market, 85)) == (key_at(pool.data, 400), key_at(pool.data, 432))
        signer = SoldersPubkey.create_program_address(
            [bytes(SoldersPubkey.from_string(market_key)), market[45:53]], SoldersPubkey.from_string(SERUM)
        )
        assert not signer.is_on_curve()
        lots = int.from_bytes(market[349:357], "little"), int.from_bytes(market[357:365], "little")
        assert min(lots) > 0
        named = {key_at(market, offset) for offset in (117, 165, 221, 253, 285, 317)}
        assert len(named) == 6
        orders = genesis.accounts[Pubkey(open_orders_key)].data
        assert (len(orders), int.from_bytes(orders[5:13], "little")) == (3228, 5)
        assert (key_at(orders, 13), key_at(orders, 45)) == (market_key, AUTHORITY)
        assert not any(orders[77:109]), "nothing lies in the orders, so the reserves are the vaults"


def test_the_recorded_pool_has_its_own_market(genesis: Genesis) -> None:
    assert genesis.provenance[POOL] is Provenance.RECORDED
    assert genesis.provenance[MARKET] is Provenance.SYNTHETIC


def test_a_market_that_is_recorded_stays(recording: Recording) -> None:
    recorded = Account(Pubkey(SERUM), b"recorded")
    made = dict(serum_markets({**recording.accounts, MARKET: recorded}))
    assert MARKET not in made
    assert len(made) == 1
