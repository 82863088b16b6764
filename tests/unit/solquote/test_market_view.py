import math

import pytest

from quote_core.tokens import load_tokens
from quote_core.units import LAMPORTS_PER_SOL
from shm import ENTRY_COUNT, Flag, Quote
from shm.base58 import mint_bytes
from solquote.market_view import WatchRow, watch_rows

REGISTRY = load_tokens()
TOKENS = {token.symbol: token for token in REGISTRY}
NOW_NS = 1_700_000_000_000_000_000


def quote(sold: str, bought: str, amount: int, output: int, **changes: object) -> Quote:
    fields: dict[str, object] = {
        "index": 0,
        "input_mint": mint_bytes(TOKENS[sold].mint),
        "output_mint": mint_bytes(TOKENS[bought].mint),
        "input_amount": amount,
        "output_amount": output,
        "ts_ns": NOW_NS - 250_000_000,
        "oracle_price": math.nan,
        "route_id": 1,
        "slot": 7,
        "dex_id": 1,
        "source": 1,
        "flags": Flag.VALID,
        "price_impact_ppm": 0,
        "confidence_bps": 9_900,
        "ttl_slots": 0,
        "version": 2,
    }
    return Quote(**(fields | changes))


def rows(*quotes: Quote, amount: int = LAMPORTS_PER_SOL) -> dict[str, WatchRow]:
    found = watch_rows(quotes, REGISTRY, base_amount_lamports=amount, now_unix_ns=NOW_NS)
    return {row.pair: row for row in found}


def test_every_watched_pair_has_a_row_in_table_order():
    assert list(rows()) == [f"{pair.base.symbol}/{pair.quote.symbol}" for pair in REGISTRY.pairs]
    assert rows()["SOL/sSOL"] == WatchRow(pair="SOL/sSOL")


def test_prices_of_both_directions_are_in_whole_quote_tokens_and_give_the_spread():
    row = rows(
        quote("SOL", "USDC", 1_000_000_000, 100_000_000),
        quote("USDC", "SOL", 100_000_000, 990_000_000, ts_ns=NOW_NS - 900_000_000, confidence_bps=9_000),
    )["SOL/USDC"]
    assert row.forward_price == pytest.approx(100.0)
    assert row.reverse_price == pytest.approx(100 / 0.99)
    assert row.spread_bps == pytest.approx((1 / 0.99 - 1) * 10_000)
    assert (row.age_ms, row.confidence, row.source, row.is_stale, row.slot) == (900, 0.9, "local", False, 7)


def test_the_nearest_amounts_are_shown():
    row = rows(
        quote("SOL", "USDC", 100_000_000, 10_000_000),
        quote("SOL", "USDC", 5_000_000_000, 490_000_000),
        quote("USDC", "SOL", 10_000_000, 99_000_000),
        quote("USDC", "SOL", 500_000_000, 4_900_000_000),
        amount=4_000_000_000,
    )["SOL/USDC"]
    assert row.base_amount == 5_000_000_000
    assert row.reverse_price == pytest.approx(500 / 4.9)


def test_of_two_sources_the_one_with_more_confidence_is_shown():
    row = rows(
        quote("SOL", "USDC", 1_000_000_000, 100_000_000, confidence_bps=8_000),
        quote("SOL", "USDC", 1_000_000_000, 101_000_000, confidence_bps=9_000, index=ENTRY_COUNT),
    )["SOL/USDC"]
    assert (row.source, row.forward_price) == ("external", pytest.approx(101.0))


def test_a_missing_or_empty_reverse_leaves_the_spread_out():
    forward = quote("SOL", "USDC", 1_000_000_000, 100_000_000)
    assert rows(forward)["SOL/USDC"].spread_bps is None
    assert rows(forward, quote("USDC", "SOL", 100_000_000, 0))["SOL/USDC"].spread_bps is None


def test_one_stale_leg_makes_the_row_stale():
    row = rows(quote("SOL", "USDC", 1_000_000_000, 100_000_000, flags=Flag.VALID | Flag.STALE))["SOL/USDC"]
    assert row.is_stale
