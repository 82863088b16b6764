"""A quote worked out anew from its evidence: equal, unless something was changed, which is told by name."""

from dataclasses import replace

import pytest
from fakes.explained_market import ExplainedMarket
from fakes.held_market import SOL, USDC

from local_quote.route_finder import RouteTerms
from quote_core.dex.labels import ALL_DEXES
from quote_core.dex.pool import Account, SwapMode
from quote_core.serving import sha256_hex
from quote_core.solana import CLOCK_SYSVAR
from solquote.evidence import Evidence, EvidenceAccount
from solquote.reproduction import Reproduction, reproduce, trust_at

SOLS = 10**9


@pytest.fixture(scope="module")
def market() -> ExplainedMarket:
    return ExplainedMarket()


@pytest.fixture(scope="module")
def evidence(market: ExplainedMarket) -> Evidence:
    return market.evidence(market.direct((SOL, USDC), 3_000 * SOLS))


def different(reproduced: Reproduction) -> list[str]:
    return [check.what for check in reproduced.checks if not check.is_equal]


def with_account(evidence: Evidence, position: int, **changed: object) -> Evidence:
    accounts = list(evidence.accounts)
    accounts[position] = replace(accounts[position], **changed)  # type: ignore[arg-type]
    return replace(evidence, accounts=tuple(accounts))


def flipped(held: EvidenceAccount, offset: int) -> Account:
    assert held.account is not None
    data = bytearray(held.account.data)
    data[offset] ^= 1
    return replace(held.account, data=bytes(data))


@pytest.mark.parametrize(
    ("amount", "terms"),
    [
        (2_000 * SOLS, {"legs": 3}),
        (SOLS, {"hops": 3}),
        (50_000_000, {"mode": SwapMode.EXACT_OUT}),
        (50_000_000, {"mode": SwapMode.EXACT_OUT, "hops": 3}),
    ],
)
def test_a_searched_route_comes_out_as_it_was_told(amount: int, terms: dict[str, object]) -> None:
    market = ExplainedMarket()
    asked = market.routed((SOL, USDC), amount, **terms)  # type: ignore[arg-type]
    reproduced = reproduce(market.evidence(asked))
    assert reproduced.is_equal, different(reproduced)
    assert (reproduced.input_amount, reproduced.output_amount) == (asked.input_amount, asked.output_amount)


def test_a_routes_impact_and_hops_are_those_the_service_tells() -> None:
    market = ExplainedMarket()
    asked = market.routed((SOL, USDC), 2_000 * SOLS, legs=3)
    told = market.market.routes.best(SOL, USDC, 2_000 * SOLS, mode=SwapMode.EXACT_IN, terms=RouteTerms(ALL_DEXES, 1, 3))
    reproduced = reproduce(market.evidence(asked))
    assert len(told.legs) > 1
    assert reproduced.price_impact == pytest.approx(told.price_impact, rel=1e-12)
    assert reproduced.depth_amount == pytest.approx(told.depth_amount, rel=0.03)
    assert reproduced.hop_count == max(len(leg.swaps) for leg in told.legs)


def test_a_flipped_bit_of_any_account_is_told_by_its_address(evidence: Evidence) -> None:
    for position, held in enumerate(evidence.accounts):
        if held.account is not None:
            reproduced = reproduce(with_account(evidence, position, account=flipped(held, 30)))
            assert not reproduced.is_intact
            assert not reproduced.is_equal
            assert f"bytes of {held.pubkey}" in different(reproduced)


def test_a_changed_balance_with_a_hash_of_its_own_gives_another_output() -> None:
    market = ExplainedMarket()
    pool = market.pools[0]
    evidence = market.evidence(market.through(pool, SOL.mint, SOLS, SwapMode.EXACT_IN))
    entry = market.market.store.entry(pool)
    assert entry is not None
    position = next(n for n, held in enumerate(evidence.accounts) if held.pubkey == entry.pool.vault_b)  # type: ignore[attr-defined]
    account = flipped(evidence.accounts[position], 67)  # of the balance's eight bytes
    forged = with_account(evidence, position, account=account, sha256=sha256_hex(account.data))
    reproduced = reproduce(forged)
    assert reproduced.is_intact
    assert "output" in different(reproduced)


def test_a_claim_that_was_changed_is_told(evidence: Evidence) -> None:
    asked = evidence.quote_id
    for changed, what in (
        (asked._replace(output_amount=asked.output_amount + 1), "output"),
        (asked._replace(input_amount=asked.input_amount + 1), "input"),
        (asked._replace(route_id=asked.route_id ^ 1), "route id"),
        (asked._replace(mark=asked.mark ^ 1), "input mint"),
    ):
        assert different(reproduce(replace(evidence, quote_id=changed))) == [what]
    hop = evidence.route[0]
    told = replace(evidence, route=(hop._replace(fee_amount=1),))
    assert different(reproduce(told)) == [f"swap through {hop.pool_id}, fee"]


def test_accounts_that_are_missing_are_a_failure_in_words(evidence: Evidence) -> None:
    without_clock = replace(evidence, accounts=tuple(one for one in evidence.accounts if one.pubkey != CLOCK_SYSVAR))
    assert "chain's clock" in reproduce(without_clock).failure
    without_pool = replace(
        evidence, accounts=tuple(one for one in evidence.accounts if one.pubkey != evidence.route[0].pool_id)
    )
    assert "its account is not held" in reproduce(without_pool).failure
    assert not reproduce(without_pool).is_equal


def test_every_account_has_its_part_and_all_are_in_use(evidence: Evidence) -> None:
    reproduced = reproduce(evidence)
    assert all(use.role for use in reproduced.accounts)
    assert [use.role for use in reproduced.accounts][:3] == ["pool", "vault A", "vault B"]


def test_a_score_falls_with_the_age_it_is_asked_for(evidence: Evidence) -> None:
    reproduced = reproduce(evidence)
    fresh, old = trust_at(reproduced, age_s=0), trust_at(reproduced, age_s=30)
    assert fresh is not None
    assert old is not None
    assert fresh.confidence.score - old.confidence.score == pytest.approx(0.15)
