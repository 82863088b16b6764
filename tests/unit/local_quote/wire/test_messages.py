"""Requests read, answers written."""

import hashlib

import pytest
from fakes.held_market import JITOSOL, REGISTRY, SOL, USDC, HeldMarket

from local_quote.wire.messages import (
    BatchQuoteRequest,
    StreamRequest,
    pool_state_to,
    simulation_to,
    stream_request_from,
)
from quote_core.errors import InvalidField, TooManyQuotes
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.quotes import Provenance

UNREGISTERED = "58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2"


def pair(one: str, other: str, **fields: list[int]) -> quotes_pb2.TokenPair:
    return quotes_pb2.TokenPair(input_mint=one, output_mint=other, **fields)  # type: ignore[arg-type]  # amounts, rows


def read(request: BatchQuoteRequest, quote_count_max: int = 10) -> StreamRequest:
    return stream_request_from(request, REGISTRY, quote_count_max=quote_count_max)


def test_combinations_are_numbered_over_pairs_then_amounts() -> None:
    request = BatchQuoteRequest(pairs=[pair(SOL.mint, USDC.mint), pair(USDC.mint, SOL.mint)], amounts=[7, 8])
    good = read(request).good
    assert [(one.input_token, one.amount, one.number) for one in good] == [
        (SOL, 7, 0),
        (SOL, 8, 1),
        (USDC, 7, 2),
        (USDC, 8, 3),
    ]


def test_a_pairs_own_amounts_and_rows_come_before_the_requests() -> None:
    request = BatchQuoteRequest(
        pairs=[pair(SOL.mint, USDC.mint, amounts=[1, 2], rows=[40, 41]), pair(USDC.mint, SOL.mint)], amounts=[9]
    )
    assert [(one.amount, one.number) for one in read(request).good] == [(1, 40), (2, 41), (9, 2)]


@pytest.mark.parametrize(
    ("one", "other", "amount", "code", "text"),
    [
        (UNREGISTERED, USDC.mint, 1, "NOT_FOUND", "input_mint: "),
        (SOL.mint, UNREGISTERED, 1, "NOT_FOUND", "output_mint: "),
        ("0OIl", USDC.mint, 1, "INVALID_ARGUMENT", "input_mint: must be base58"),
        (SOL.mint, "", 1, "INVALID_ARGUMENT", "output_mint: must be base58"),
        (SOL.mint, SOL.mint, 1, "INVALID_ARGUMENT", "output_mint: must differ"),
        (SOL.mint, USDC.mint, 0, "INVALID_ARGUMENT", "amounts: must be above zero"),
    ],
)
def test_a_bad_pair_is_kept_as_such_and_the_others_are_served(
    one: str, other: str, amount: int, code: str, text: str
) -> None:
    request = BatchQuoteRequest(pairs=[pair(one, other, amounts=[amount]), pair(SOL.mint, JITOSOL.mint)], amounts=[5])
    wanted = read(request)
    (bad,) = wanted.bad
    assert (bad.error.code, bad.number, bad.input_mint, bad.amount) == (code, 0, one, amount)
    assert str(bad.error).startswith(text)
    assert [(good.output_token, good.number) for good in wanted.good] == [(JITOSOL, 1)]


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (BatchQuoteRequest(amounts=[1]), "pairs: must name at least one"),
        (BatchQuoteRequest(pairs=[pair(SOL.mint, USDC.mint)]), r"pairs\[0\].amounts: must not be empty"),
        (BatchQuoteRequest(pairs=[pair(SOL.mint, USDC.mint, rows=[1])], amounts=[1, 2]), r"pairs\[0\].rows"),
        (
            BatchQuoteRequest(pairs=[pair(SOL.mint, USDC.mint)], amounts=[1], refresh_interval_ms=49),
            "refresh_interval_ms: must be 0 or at least 50",
        ),
    ],
)
def test_a_request_that_cannot_be_read_names_field_and_rule(request_: BatchQuoteRequest, text: str) -> None:
    with pytest.raises(InvalidField, match=text):
        read(request_)


def test_more_than_the_limit_is_refused_as_a_whole() -> None:
    request = BatchQuoteRequest(pairs=[pair(SOL.mint, USDC.mint)] * 3, amounts=[1, 2, 3, 4])
    with pytest.raises(TooManyQuotes) as caught:
        read(request, quote_count_max=11)
    assert (caught.value.requested_count, caught.value.count_max) == (12, 11)
    assert len(read(request, quote_count_max=12).good) == 12


@pytest.mark.parametrize(("asked_ms", "refresh_s"), [(0, 1.0), (50, 0.05), (5_000, 5.0)])
def test_the_refresh_interval_defaults_to_a_second(asked_ms: int, refresh_s: float) -> None:
    request = BatchQuoteRequest(pairs=[pair(SOL.mint, USDC.mint)], amounts=[1], refresh_interval_ms=asked_ms)
    assert read(request).refresh_s == refresh_s


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
    data = (10**12).to_bytes(8, "little")
    assert (vault.pubkey, vault.size_bytes, vault.slot) == ("p-vault-a", 8, held.slot)
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
    answer = simulation_to(swaps, held.clock.mono_ns())
    assert (answer.pool_state_age_ms, answer.slot) == (300, 101)
    assert answer.output_amount == swaps[1].output_amount
    assert [hop.pool_id for hop in answer.route] == ["p", "q"]
    assert [hop.input_mint for hop in answer.route] == [USDC.mint, SOL.mint]
    assert len(answer.price_impacts) == len(answer.depth_amounts) == 2
