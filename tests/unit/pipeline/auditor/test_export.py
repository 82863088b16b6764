"""The CSV: one line a result, with a running sum, and nothing a spreadsheet would run."""

import csv
import io
from collections.abc import AsyncIterator

from fakes.results import result

from pipeline.auditor.export import COLUMNS, export_csv
from quote_core.events import ExecutionResult, Outcome


async def stream(*results: ExecutionResult) -> AsyncIterator[ExecutionResult]:
    for each in results:
        yield each


async def lines(*results: ExecutionResult) -> list[dict[str, str]]:
    file = io.StringIO()
    assert await export_csv(stream(*results), file) == len(results)
    file.seek(0)
    return list(csv.DictReader(file))


async def test_each_result_is_a_line_and_profit_is_summed_up() -> None:
    found = await lines(
        result(10, finished_unix_ns=1_700_000_000_123_456_789),
        result(-4, outcome=Outcome.FAILED, reason="slippage: less, than needed"),
    )
    assert [line["cumulative_profit_lamports"] for line in found] == ["10", "6"]
    assert found[0]["finished"] == "2023-11-14T22:13:20.123456+00:00"
    assert (found[1]["outcome"], found[1]["reason"]) == ("FAILED", "slippage: less, than needed")


async def test_without_results_there_is_still_a_heading() -> None:
    file = io.StringIO()
    await export_csv(stream(), file)
    assert file.getvalue().strip() == ",".join(COLUMNS)


async def test_text_that_a_spreadsheet_would_run_is_quoted() -> None:
    (line,) = await lines(result(reason="=HYPERLINK(1)"))
    assert line["reason"] == "'=HYPERLINK(1)"
