"""Requests read, answers written."""

import hashlib

import pytest
from fakes.held_market import JITOSOL, SOL, USDC, HeldMarket
from fakes.plain_pool import vault_account

from local_quote.routes import SimulatedRoute
from local_quote.wire.messages import (
    hops_from,
    pool_state_to,
    simulation_to,
)
from quote_core.clock import AGE_UNKNOWN_NS
from quote_core.errors import InvalidField
from quote_core.freshness import NEVER_VOUCHED
from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.quotes import Provenance


def test_a_pool_that_nobody_ever_vouched_for_has_no_age_to_boast_of(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    entry = held.market.store.of_pair(SOL.mint, USDC.mint)[0]
    entry.freshness = NEVER_VOUCHED
    state = pool_state_to(entry, held.market, held.clock.mono_ns())
    assert (state.age_ms, state.is_stale) == (AGE_UNKNOWN_NS // 1_000_000, True)


def test_a_pool_is_told_with_price_depth_accounts_and_origin(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9, provenance=Provenance.RECORDED)
    held.clock.advance_ms(5_001)
    state = pool_state_to(held.market.store.of_pair(SOL.mint, USDC.mint)[0], held.market, held.clock.mono_ns())
    assert state.price == pytest.approx(80.0)
    assert state.fee_fraction_a_to_b == pytest.approx(0.0025)
    assert state.depth_a_amount == pytest.approx(5.04e9, rel=0.02)
    assert (state.tradable, state.refusal) == (True, "")
    assert (state.age_ms, state.is_stale) == (5_001, True)
    assert state.provenance == quotes_pb2.PROVENANCE_RECORDED
    vault = state.accounts[1]
    data = vault_account(10**12).data
    assert (vault.pubkey, vault.size_bytes, vault.slot) == ("p-vault-a", len(data), held.slot)
    assert vault.data_sha256 == hashlib.sha256(data).hexdigest()


def test_a_pool_that_cannot_be_traded_says_why_and_has_no_price(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9).closed = "paused"
    state = pool_state_to(held.market.store.of_pair(SOL.mint, USDC.mint)[0], held.market, 0)
    assert (state.tradable, state.refusal, state.price) == (False, "p: paused", 0.0)


def test_a_pool_not_loaded_yet_is_stale(held: HeldMarket) -> None:
    held.add("p", 1, 1, is_loaded=False)
    state = pool_state_to(held.market.store.of_pair(SOL.mint, USDC.mint)[0], held.market, held.clock.mono_ns())
    assert (state.is_stale, state.tradable) == (True, False)


def test_a_simulation_is_as_old_and_as_early_as_its_oldest_hop(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    held.clock.advance_ms(300)
    held.add("q", 10**12, 10**12, tokens=(SOL, JITOSOL))
    swaps = [held.market.quoter.best(USDC, SOL, 10**6), held.market.quoter.best(SOL, JITOSOL, 10**9)]
    answer = simulation_to(SimulatedRoute(swaps, ()), held.clock.mono_ns())
    oldest = held.market.store.of_pair(SOL.mint, USDC.mint)[0]
    assert (answer.pool_state_age_ms, answer.slot) == (300, oldest.slot)
    assert answer.freshness.vouched_mono_ns == oldest.freshness.vouched.mono_ns
    assert answer.output_amount == swaps[1].output_amount
    assert [hop.pool_id for hop in answer.route] == ["p", "q"]
    assert [hop.input_mint for hop in answer.route] == [USDC.mint, SOL.mint]
    assert len(answer.price_impacts) == len(answer.depth_amounts) == 2


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"input_amount": 0}, "hops[0].taken.input_amount: must be above zero"),
        ({"price_before": float("nan")}, "hops[0].taken.price_before: must be a finite number"),
        ({"price_after": float("inf")}, "hops[0].taken.price_after: must be a finite number"),
        ({"price_after": -1.0}, "hops[0].taken.price_after: must be a finite number"),
    ],
)
def test_a_taken_depth_that_is_none_names_its_hop_and_field(changes: dict[str, float], rule: str) -> None:
    taken = local_quote_pb2.TakenDepth(**{"input_amount": 1, "price_before": 1.0, "price_after": 1.0} | changes)
    request = local_quote_pb2.SimulateRouteRequest(hops=[local_quote_pb2.SimulateHop(pool_id="p", taken=taken)])
    with pytest.raises(InvalidField) as caught:
        hops_from(request)
    assert str(caught.value).startswith(rule)
