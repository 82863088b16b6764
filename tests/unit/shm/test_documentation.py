"""The examples of docs/shm.md and docs/sdk.md run, and its tables are those of the layout."""

import re
import time
from pathlib import Path

import pytest

from shm import QuoteWriter, Role, ShmError, errors, layout
from shm.base58 import mint_bytes

PAGE = Path(__file__).parents[3] / "docs" / "shm.md"
GUIDE = PAGE.with_name("sdk.md")
SOL = "So11111111111111111111111111111111111111112"
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
JITOSOL = "J1toso1uCk3RLmjorhTtrVwY9HJ7X8V9yYac6Y7kGCPn"
ROWS = (
    (SOL, USDC, 1_000_000_000, 151_000_000),
    (USDC, JITOSOL, 150_000_000, 900_000_000),
    (JITOSOL, SOL, 900_000_000, 1_000_000_000),
)


def test_the_guide_prints_quotes_as_they_come(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shm.files.default_directory", lambda: directory)
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    with QuoteWriter.open(directory, Role.INTERNAL) as writer:
        writer.assign(0, mint_bytes(SOL), mint_bytes(USDC))
        writer.publish(0, input_amount=1_000_000_000, output_amount=151_000_000, ts_ns=time.time_ns())
        exec(compile(example, str(GUIDE), "exec"), {})
    assert capsys.readouterr().out.startswith("151000000 ")


def test_examples_run_as_they_stand(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shm.files.default_directory", lambda: directory)
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    with QuoteWriter.open(directory, Role.INTERNAL) as writer:
        for index, (sold, bought, amount, output) in enumerate(ROWS):
            writer.assign(index, mint_bytes(sold), mint_bytes(bought))
            writer.publish(index, input_amount=amount, output_amount=output, ts_ns=time.time_ns(), confidence_bps=9_500)
        printed = []
        names: dict[str, object] = {}
        for example in examples:
            writer.beat()
            exec(compile(example, str(PAGE), "exec"), names)
            printed.append(capsys.readouterr().out)
    one, fresh, polled, valued, followed, amounts, cycled, listed, paired, liveness, written = printed
    assert one.startswith("151000000 0.151 ")
    assert one.endswith(" 0.95\n")
    assert fresh == f"('{SOL}', '{USDC}') 151000000\n"
    assert polled.splitlines()[0] == "0 INTERNAL 151000000"
    assert valued.splitlines()[1] == "1 150000000 900000000 0 1"
    assert followed == "3 entries changed\n"
    assert amounts == "[(0, 151000000), (1, 900000000), (2, 1000000000)]\n"
    assert cycled == "[151000000, 900000000, 1000000000]\n"
    assert listed.splitlines()[0] == "3 1000000000"
    assert len(listed.splitlines()) == 4
    assert paired.splitlines()[0] == f"{SOL} {USDC} (1000000000,) ()"
    assert liveness == written == ""


@pytest.mark.parametrize("record", layout.RECORDS, ids=lambda record: record.name)
def test_every_field_is_described_at_its_offset(record: layout.Record) -> None:
    page = PAGE.read_text()
    assert f"{record.count} x {record.size_bytes} bytes from {record.offset:,}" in page
    for field in record.fields:
        assert f"| {field.offset} | {field.kind} | {field.name} |" in page


def test_every_error_a_reader_can_get_is_listed() -> None:
    page = PAGE.read_text()
    raised_by_writers = {
        "ShmError",
        "WrongFile",
        "BatchFull",
        "ImpossibleCounts",
        "ImpossibleQuote",
        "NotWriting",
        "OutdatedDraft",
        "SecondWriter",
    }
    for name in set(errors.__all__) - raised_by_writers:
        assert issubclass(getattr(errors, name), ShmError)
        assert f"`{name}`" in page
