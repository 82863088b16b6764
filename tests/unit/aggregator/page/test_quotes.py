import asyncio
import contextlib

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import ONE_SOL, SOL, TOKENS, USDC, held, judge, oracle

from aggregator.held import Refusal
from aggregator.page.board import Board
from aggregator.page.quotes import PoolsPanel, QuotesPanel, pool_content
from aggregator.rows import RowRegistry
from aggregator.table import QuoteTable
from aggregator.upstream_wire import PoolSummary
from aggregator.watched import WatchedRows
from quote_core.errors import ProviderUnavailable
from quote_core.quotes import Provenance, QuoteKey
from quote_core.watch import watched_row_count

AMOUNTS = (ONE_SOL, 10 * ONE_SOL)
USDC_AMOUNT = 140_000_000
PAIR = TOKENS.pairs[0]


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.table = QuoteTable(tokens=TOKENS, clock=self.clock, judge=judge(oracle(self.clock)))
        count = watched_row_count(pair_count=len(TOKENS.pairs), amount_count=len(AMOUNTS))
        self.rows = RowRegistry(count_max=4_096, watched_count=count, client_rows_max=100)
        self.rows.listen(self.table)
        self.watched = WatchedRows(self.rows, TOKENS.pairs, AMOUNTS)
        self.panel = QuotesPanel(self.table, self.watched, TOKENS.pairs, AMOUNTS)

    def both_ways(self) -> None:
        """Let SOL/USDC have its reverse rows at 140 USDC."""
        self.watched.follow({SOL: 140.0, USDC: 1.0})


@pytest.fixture
def world() -> World:
    return World()


def test_every_pair_has_a_line_before_anything_is_known(world: World) -> None:
    content = world.panel.content(0)
    assert [line["pair"] for line in content["pairs"]] == [f"{p.base.symbol}/{p.quote.symbol}" for p in TOKENS.pairs]
    first = content["pairs"][0]
    assert first["ask"] is None  # no oracle price yet, hence no amount to ask for
    assert "no quote service has answered" in first["bid"]["refusal"]
    assert first["spread_bps"] is None


def test_bid_and_ask_are_prices_of_one_base_token_and_the_spread_is_what_lies_between(world: World) -> None:
    world.both_ways()
    world.table.take([held(139_860_000, row=0)])
    row = world.watched.row(0, 0, is_reverse=True)
    assert row is not None
    key = QuoteKey(USDC, SOL, USDC_AMOUNT)
    world.table.take([held(ONE_SOL, row=row, key=key, oracle_price=1 / 140)])
    line = world.panel.content(0)["pairs"][0]
    assert line["amount"] == 1.0
    assert line["bid"]["price"] == pytest.approx(139.86)
    assert line["ask"]["price"] == pytest.approx(140.0)
    assert line["spread_bps"] == pytest.approx((140 / 139.86 - 1) * 10_000)
    assert line["bid"]["source"] == "local"
    assert line["bid"]["decision"] == "execute"
    assert not line["bid"]["is_stale"]


def test_ages_and_staleness_are_of_the_moment_the_page_is_told(world: World) -> None:
    world.table.take([held(row=0)])
    world.clock.advance_ms(1_500)
    assert world.panel.content(0)["pairs"][0]["bid"]["age_ms"] == 1_500
    world.clock.advance_ms(60_000)
    leg = world.panel.content(0)["pairs"][0]["bid"]
    assert leg["is_stale"]
    assert leg["decision"] == "skip"


def test_a_refusal_is_told_in_its_own_words(world: World) -> None:
    world.table.take([held(row=0, refusal=Refusal("NOT_FOUND", "no pool"))])
    assert world.panel.content(0)["pairs"][0]["bid"] == {"refusal": "no pool"}


def pool(**changes: object) -> PoolSummary:
    fields: dict[str, object] = {
        "pool_id": "P1",
        "protocol": "raydium_cpmm",
        "mint_a": PAIR.base.mint,
        "mint_b": PAIR.quote.mint,
        "slot": 1,
        "age_ms": 20,
        "is_stale": False,
        "is_tradable": True,
        "refusal": "",
        "price": 80.0,
        "fee_fraction_a_to_b": 0.0025,
        "fee_fraction_b_to_a": 0.003,
        "depth_a_amount": 10**9,
        "depth_b_amount": 80 * 10**6,
        "provenance": Provenance.RECORDED,
    }
    return PoolSummary(**(fields | changes))  # type: ignore[arg-type]  # a table of keyword arguments


def test_a_pool_is_told_from_its_pairs_base_token_whichever_way_it_lies() -> None:
    mints = {"mint_a": PAIR.quote.mint, "mint_b": PAIR.base.mint}
    turned = pool(**mints, price=0.0125, depth_a_amount=80 * 10**6, depth_b_amount=10**9)
    (straight,), (other,) = list(pool_content([pool()], TOKENS)), list(pool_content([turned], TOKENS))
    assert (straight["price"], straight["depth_base"], straight["depth_quote"]) == (80.0, 1.0, 80.0)
    assert (other["price"], other["depth_base"], other["depth_quote"]) == (80.0, 1.0, 80.0)
    assert (straight["fee_fraction"], other["fee_fraction"]) == (0.0025, 0.003)
    assert straight["protocol"] == "Raydium CP"


def test_a_pool_that_takes_no_swaps_says_why_and_one_of_no_watched_pair_is_left_out() -> None:
    (told,) = pool_content([pool(is_tradable=False, refusal="paused"), pool(mint_a=USDC, mint_b=USDC)], TOKENS)
    assert told["refusal"] == "paused"


async def test_a_service_that_does_not_answer_is_told_beside_its_last_answer() -> None:
    answers: list[list[PoolSummary] | Exception] = [[pool()], ProviderUnavailable("local quote service", "is away")]
    told: list[dict[str, object]] = []

    async def ask() -> list[PoolSummary]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    class Noting(Board):
        def put(self, topic: str, content: object, *, part: str = "", size: int | None = None) -> None:
            assert isinstance(content, dict)
            told.append(content)
            if not answers:
                running.cancel()

    running = asyncio.create_task(PoolsPanel(ask, TOKENS).run(Noting(viewer_count_max=1)))
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert [len(content["pools"]) for content in told] == [1, 1]  # type: ignore[arg-type]  # a list
    assert "is away" in str(told[1]["error"])
