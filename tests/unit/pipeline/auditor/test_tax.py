"""Lines for tax software, worked out by hand; and that no lamport is lost between them."""

import csv
import io
from dataclasses import replace
from decimal import Decimal

import pytest
from fakes.results import result, round_trip
from hypothesis import given
from hypothesis import strategies as st

from pipeline.auditor.tax import TAX_COLUMNS, TaxLines, TaxTable
from quote_core.errors import UnknownToken
from quote_core.events import ExecutionMode, ExecutionResult, Outcome
from quote_core.tokens import load_tokens
from quote_core.units import LAMPORTS_PER_SOL, Pubkey

LINES = TaxLines(load_tokens())
NOON_NS = 1_780_315_200 * 10**9
"""2026-06-01 12:00:00 UTC."""


def live(trade: ExecutionResult) -> ExecutionResult:
    return replace(trade, mode=ExecutionMode.LIVE)


def told(trade: ExecutionResult, lines: TaxLines = LINES) -> list[dict[str, str]]:
    return [dict(zip(TAX_COLUMNS, line, strict=True)) for line in lines.of(trade)]


def test_the_columns_are_those_of_the_universal_template() -> None:
    assert ",".join(TAX_COLUMNS) == (
        "Date,Sent Amount,Sent Currency,Received Amount,Received Currency,Fee Amount,Fee Currency,"
        "Net Worth Amount,Net Worth Currency,Label,Description,TxHash"
    )


def test_a_fill_is_a_line_a_swap_with_the_costs_on_the_last() -> None:
    trade = live(
        round_trip(
            2 * LAMPORTS_PER_SOL,
            300_000_000,
            2_010_000_000,
            finished_unix_ns=NOON_NS + 999_999_999,
            flash_fee_lamports=1_000_000,
            tip_lamports=10_000,
            network_fee_lamports=5_001,
        )
    )
    there, back = told(trade)
    plan = f"solquote plan {trade.plan_id.hex()}"
    assert there == {
        "Date": "2026-06-01 12:00:00 UTC",
        "Sent Amount": "2.000000000",
        "Sent Currency": "SOL",
        "Received Amount": "300.000000",
        "Received Currency": "USDC",
        "Fee Amount": "",
        "Fee Currency": "",
        "Net Worth Amount": "300.000000",
        "Net Worth Currency": "USD",
        "Label": "",
        "Description": f"{plan}, swap 1 of 2",
        "TxHash": "",
    }
    assert (back["Sent Amount"], back["Sent Currency"]) == ("300.000000", "USDC")
    assert (back["Received Amount"], back["Received Currency"]) == ("2.010000000", "SOL")
    assert (back["Fee Amount"], back["Fee Currency"]) == ("0.001015001", "SOL")
    assert (back["Net Worth Amount"], back["Description"]) == ("301.500000", f"{plan}, swap 2 of 2")


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.MISSED])
def test_what_was_paid_for_nothing_is_a_cost(outcome: Outcome) -> None:
    (line,) = told(live(result(-5_000, outcome=outcome, network_fee_lamports=5_000, finished_unix_ns=NOON_NS)))
    assert (line["Sent Amount"], line["Sent Currency"], line["Label"]) == ("0.000005000", "SOL", "cost")
    assert {line[name] for name in ("Received Amount", "Fee Amount", "Net Worth Amount", "Net Worth Currency")} == {""}


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.ABANDONED, Outcome.FAILED])
def test_what_moved_nothing_has_no_line(outcome: Outcome) -> None:
    assert told(live(result(0, outcome=outcome))) == []


def test_paper_is_left_out_and_counted_or_named() -> None:
    trade = round_trip(10, 10, 20)
    assert told(trade) == []
    assert LINES.is_left_out(trade)
    assert not LINES.is_left_out(result(0, outcome=Outcome.REFUSED))
    with_paper = told(trade, TaxLines(load_tokens(), with_paper=True))
    assert [line["Description"].startswith("PAPER, ") for line in with_paper] == [True, True]


def test_a_swap_of_a_token_nobody_knows_is_an_error_and_no_guess() -> None:
    trade = live(round_trip(10, 10, 20))
    strange = replace(trade.hops[0], output_mint=Pubkey("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"))
    with pytest.raises(UnknownToken):
        told(replace(trade, hops=(strange,)))


def test_the_file_has_a_heading_and_says_what_it_left_out() -> None:
    file = io.StringIO()
    table = TaxTable(LINES, file)
    for trade in (live(round_trip(10, 10, 20)), round_trip(10, 10, 20)):
        table.add(trade)
    assert (table.line_count, table.paper_count) == (2, 1)
    assert table.summary() == "2 lines; 1 results on paper are left out"
    assert [tuple(line) for line in csv.DictReader(io.StringIO(file.getvalue()))] == [TAX_COLUMNS] * 2


amounts = st.integers(1, 2**64 - 1)
costs = st.integers(0, 10**12)


@given(amounts, amounts, amounts, costs, costs, costs)
def test_what_the_lines_send_receive_and_pay_in_sol_is_the_profit_to_the_lamport(
    amount_in: int, usdc: int, amount_out: int, flash: int, tip: int, network: int
) -> None:
    trade = live(
        round_trip(
            amount_in, usdc, amount_out, flash_fee_lamports=flash, tip_lamports=tip, network_fee_lamports=network
        )
    )
    sums = {"SOL": Decimal(0), "USDC": Decimal(0)}
    for line in told(trade):
        sums[line["Sent Currency"]] -= Decimal(line["Sent Amount"])
        sums[line["Received Currency"]] += Decimal(line["Received Amount"])
        if line["Fee Currency"]:
            sums[line["Fee Currency"]] -= Decimal(line["Fee Amount"])
    assert sums["USDC"] == 0
    assert int(sums["SOL"].scaleb(9)) == trade.profit_lamports
