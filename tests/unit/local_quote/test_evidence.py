"""Evidence found from an id: the accounts as they were held then, on recorded pools that are traded on."""

import pytest
from fakes.explained_market import ExplainedMarket
from fakes.golden_market import CHAIN_UNIX_S, GOLDEN_POOLS
from fakes.held_market import SOL, USDC, clock_update

from local_quote.evidence import LocalEvidence
from local_quote.row_table import LocalQuote
from local_quote.settings import LocalQuoteSettings
from quote_core.dex.labels import ALL_DEXES
from quote_core.dex.pool import SwapMode
from quote_core.dex.route_replay import AskedChain, open_loaded, replay_route
from quote_core.errors import EvidenceGone
from quote_core.quote_id import LOCAL, quote_id_of
from quote_core.quotes import route_id
from quote_core.solana import CLOCK_SYSVAR, decode_clock
from quote_core.tokens import Token
from quote_core.units import Pubkey

SOLS = 10**9


def reproduced(evidence: LocalEvidence) -> tuple[int, int]:
    """What the accounts of the evidence give, with nothing else."""
    accounts = {pubkey: version.account for pubkey, version in evidence.accounts.items()}
    parts: dict[int, list[Pubkey]] = {}
    amounts: dict[int, int] = {}
    for hop in evidence.route:
        parts.setdefault(hop.leg, []).append(hop.pool_id)
        amounts.setdefault(hop.leg, hop.input_amount)
    mode = SwapMode.EXACT_OUT if evidence.wanted_output_amount and len(evidence.route) == 1 else SwapMode.EXACT_IN
    chains = [
        AskedChain(
            pools,
            evidence.input_mint,
            amounts[leg] if mode is SwapMode.EXACT_IN else evidence.wanted_output_amount,
            mode,
        )
        for leg, pools in parts.items()
    ]
    clock = accounts[CLOCK_SYSVAR]
    assert clock is not None
    pools = open_loaded([hop.pool_id for hop in evidence.route], accounts)
    swaps = replay_route(chains, pools, decode_clock(clock))
    ends = [[one.swap for one in swaps if one.leg == leg] for leg in parts]
    return sum(leg[0].amount_in for leg in ends), sum(leg[-1].amount_out for leg in ends)


@pytest.fixture(scope="module")
def explained() -> ExplainedMarket:
    return ExplainedMarket()


@pytest.mark.parametrize("tokens", [(SOL, USDC), (USDC, SOL)])
@pytest.mark.parametrize("amount", [10**5, SOLS, 3_000 * SOLS])
def test_a_direct_quote_is_found_and_reproduced(
    explained: ExplainedMarket, tokens: tuple[Token, Token], amount: int
) -> None:
    asked = explained.direct(tokens, amount)
    evidence = explained.finder.find(asked)
    assert (evidence.input_mint, evidence.output_mint) == (tokens[0].mint, tokens[1].mint)
    assert reproduced(evidence) == (asked.input_amount, asked.output_amount)


def test_older_quotes_are_found_as_the_pool_was_then() -> None:
    explained = ExplainedMarket()
    told = []
    for number in range(12):
        told.append(explained.direct((SOL, USDC), 5 * SOLS))
        for pool in explained.pools:
            mint, amount = (SOL.mint, 30 * SOLS) if number % 3 else (USDC.mint, 4_000 * 10**6)
            explained.golden.trade(pool, mint, amount)
    assert len({asked.output_amount for asked in told}) > 6
    for asked in told:
        evidence = explained.finder.find(asked)
        assert reproduced(evidence) == (asked.input_amount, asked.output_amount)
        assert max(version.slot for version in evidence.accounts.values()) <= asked.slot


def test_quotes_are_found_as_the_chains_clock_was_then() -> None:
    """A dynamic fee decays by time alone: the same accounts give another output a minute later."""
    explained = ExplainedMarket()
    dlmm = GOLDEN_POOLS["meteora_dlmm/sol_usdc_bs4_5rCf1DM8"]
    entry = explained.market.store.entry(dlmm)
    assert entry is not None
    explained.golden.trade(dlmm, SOL.mint, 3_000 * SOLS)
    told = {}
    for passed_s in (0, 40, 400, 4_000):
        explained.market.apply([clock_update(slot=explained.golden.held.slot, unix_timestamp=CHAIN_UNIX_S + passed_s)])
        swap = explained.market.quoter.through(entry, SOL.mint, SOLS)
        told[swap.output_amount] = passed_s
    assert len(told) > 1
    for output, passed_s in told.items():
        asked = quote_id_of(LOCAL, route_id([dlmm]), SOL.mint, SOLS, output, entry.slot)
        evidence = explained.finder.find(asked)
        clock = evidence.accounts[CLOCK_SYSVAR].account
        assert clock is not None
        assert decode_clock(clock).unix_timestamp <= CHAIN_UNIX_S + passed_s
        assert reproduced(evidence) == (SOLS, output)


@pytest.mark.parametrize(
    ("amount", "terms"),
    [
        (2_000 * SOLS, {"legs": 3}),
        (SOLS, {"hops": 3}),
        (50_000_000, {"mode": SwapMode.EXACT_OUT}),
        (50_000_000, {"mode": SwapMode.EXACT_OUT, "hops": 3}),
    ],
)
def test_a_searched_route_is_found_and_reproduced_after_its_pools_have_moved_on(
    amount: int, terms: dict[str, object]
) -> None:
    explained = ExplainedMarket()
    asked = explained.routed((SOL, USDC), amount, **terms)  # type: ignore[arg-type]
    for pool in explained.pools:
        explained.golden.trade(pool, SOL.mint, 100 * SOLS)
    evidence = explained.finder.find(asked)
    assert reproduced(evidence) == (asked.input_amount, asked.output_amount)
    assert evidence.wanted_output_amount == (amount if "mode" in terms else 0)


def test_a_wanted_output_of_one_pool_is_noted_as_such() -> None:
    explained = ExplainedMarket()
    quote: LocalQuote = explained.market.chosen(SOL, USDC, 50_000_000, mode=SwapMode.EXACT_OUT, dexes=ALL_DEXES)
    explained.finder.note(quote, 50_000_000, SwapMode.EXACT_OUT)
    swap = quote.swap
    asked = quote_id_of(
        LOCAL,
        route_id([swap.entry.pool.address]),
        SOL.mint,
        swap.input_amount,
        swap.output_amount,
        swap.entry.slot,
    )
    evidence = explained.finder.find(asked)
    assert evidence.wanted_output_amount == 50_000_000
    assert reproduced(evidence) == (swap.input_amount, swap.output_amount)


def test_a_circular_route_is_found() -> None:
    explained = ExplainedMarket()
    asked = explained.routed((SOL, SOL), SOLS, hops=2)
    assert reproduced(explained.finder.find(asked)) == (asked.input_amount, asked.output_amount)


def test_an_output_that_no_state_gives_is_none_of_ours(explained: ExplainedMarket) -> None:
    asked = explained.direct((SOL, USDC), SOLS)
    with pytest.raises(EvidenceGone, match=f"held at slot {asked.slot} gives what it claims"):
        explained.finder.find(asked._replace(output_amount=asked.output_amount + 1))


def test_a_route_that_nobody_knows_is_told_apart(explained: ExplainedMarket) -> None:
    with pytest.raises(EvidenceGone, match="no pool held since the service started has its route"):
        explained.finder.find(explained.direct((SOL, USDC), SOLS)._replace(route_id=1))


def test_what_has_made_room_is_told_with_the_setting() -> None:
    explained = ExplainedMarket(LocalQuoteSettings(evidence_version_count_max=3))
    direct, routed = explained.direct((SOL, USDC), SOLS), explained.routed((SOL, USDC), 2_000 * SOLS, legs=3)
    for _ in range(3):
        for pool in explained.pools:
            explained.golden.trade(pool, SOL.mint, 100 * SOLS)
    for asked in (direct, routed):
        with pytest.raises(EvidenceGone, match="SOLQUOTE_LOCAL_QUOTE_EVIDENCE_BYTES_MAX"):
            explained.finder.find(asked)


def test_the_routes_told_first_go_first() -> None:
    explained = ExplainedMarket()
    asked = [explained.routed((SOL, USDC), (2_000 + number) * SOLS, legs=3) for number in range(12)]
    with pytest.raises(EvidenceGone):
        explained.finder.find(asked[0])
    assert reproduced(explained.finder.find(asked[-1])) == (asked[-1].input_amount, asked[-1].output_amount)
