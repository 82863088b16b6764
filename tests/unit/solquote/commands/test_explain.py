"""What `explain` tells of a quote or an event, offline too, and with which exit code."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.explained_answer import REQUEST, answered
from fakes.explained_market import ExplainedMarket
from fakes.held_market import SOL, USDC
from fakes.history import followed, history_kept, write_batch
from fakes.pipeline_events import cycle, opportunity
from fakes.plans import plan

from pipeline.event_logger.journal import Journal, JournalBounds
from quote_core.dex.pool import SwapMode
from quote_core.events import Stream, encode, kind_of, subject_of
from quote_core.events.json_form import event_json
from quote_core.json_dialect import json_text
from solquote.command_line import run_command_line
from solquote.event_lines import StoredEvent
from solquote.evidence import Evidence, saved_text
from solquote.exit_codes import ExitCode

SOLS = 10**9


@pytest.fixture(scope="module")
def market() -> ExplainedMarket:
    return ExplainedMarket()


@pytest.fixture(scope="module")
def direct(market: ExplainedMarket) -> Evidence:
    return market.evidence(market.direct((SOL, USDC), SOLS))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> "Told":
    return Told(monkeypatch, capsys, tmp_path)


class Told:
    """What the command says of evidence, as a platform gives it and as a file has it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.file = folder / "evidence.json"

    def of(self, evidence: Evidence, *options: str) -> tuple[int, str]:
        """Of what the platform answers."""
        self._monkeypatch.setattr("solquote.evidence_wire.ask_evidence", lambda *_, **__: evidence)
        return self.line(evidence.quote_id.text, *options)

    def line(self, *arguments: str) -> tuple[int, str]:
        """Of any command line; both streams."""
        code = run_command_line(["explain", *arguments])
        captured = self._capsys.readouterr()
        return code, captured.out + captured.err


def test_a_direct_quote_is_told_step_by_step_and_comes_out_equal(told: Told, direct: Evidence) -> None:
    code, text = told.of(direct, "--wide")
    assert code == ExitCode.OK
    asked = direct.quote_id
    for held in direct.accounts:
        line = next(line for line in text.splitlines() if line.startswith(held.pubkey))
        assert str(held.slot) in line
        assert held.sha256 in line
    assert f"in {asked.input_amount}, out {asked.output_amount}, fee" in text
    assert f"minimum out floor({asked.output_amount} x 9950 / 10000) = {asked.output_amount * 9950 // 10000}" in text
    assert "no oracle price is known" in text, "the recorded pools come without oracles"
    assert "decision verify" in text
    assert text.splitlines()[-1].startswith("reproduced: equal, 9 of 9 checks")


def test_parts_and_a_wanted_output_are_told(told: Told, market: ExplainedMarket) -> None:
    _, split = told.of(market.evidence(market.routed((SOL, USDC), 2_000 * SOLS, legs=3)))
    assert "part 2" in split
    asked = market.routed((SOL, USDC), 50_000_000, mode=SwapMode.EXACT_OUT)
    _, wanted = told.of(market.evidence(asked))
    assert "wanted output 50000000" in wanted
    most = -(-asked.input_amount * 10050 // 10000)
    assert f"maximum in ceil({asked.input_amount} x 10050 / 10000) = {most}" in wanted
    assert "minimum out" not in wanted


def test_a_saved_quote_is_explained_by_its_file_alone_and_alike(told: Told, direct: Evidence) -> None:
    code, online = told.of(direct, "--save", str(told.file))
    assert (code, told.file.read_text()) == (ExitCode.OK, saved_text(direct))
    assert told.line("--file", str(told.file)) == (ExitCode.OK, online)


def test_a_providers_quote_is_told_with_what_was_asked_and_answered(told: Told) -> None:
    evidence = answered(amount=SOLS, oracle_rate=100.0)
    code, text = told.of(evidence)
    assert code == ExitCode.OK
    assert f"asked jupiter for {REQUEST}" in text
    assert evidence.answer is not None
    assert evidence.answer.body.decode() in text
    assert evidence.answer.sha256 in text
    assert "0.10 x 0.7500" in text, "its uptime is the provider's part in the score"
    assert "reproduced: equal" in text
    _, without = told.of(replace(evidence, oracle_rate=None))
    assert "no oracle price is known" in without


def test_json_has_accounts_steps_factors_and_checks(told: Told, direct: Evidence) -> None:
    code, text = told.of(direct, "--json", "--age", "6")
    document = json.loads(text)
    assert code == ExitCode.OK
    assert document["isEqual"] is True
    assert {account["sha256"] for account in document["accounts"]} == {held.sha256 for held in direct.accounts}
    assert document["swaps"][0]["steps"][-1]["value"] == direct.quote_id.output_amount
    assert document["confidence"]["factors"]["poolAge"] == pytest.approx(0.9)
    assert document["confidence"]["decision"] == "cautious"
    assert all(check["isEqual"] for check in document["checks"])


def test_another_output_than_was_told_is_said_and_exits_with_no(told: Told, direct: Evidence) -> None:
    asked = direct.quote_id
    other = replace(direct, quote_id=asked._replace(output_amount=asked.output_amount + 1))
    code, text = told.of(other)
    assert code == ExitCode.NEGATIVE
    assert f"DIFFERENT output: told {asked.output_amount + 1}, reproduced {asked.output_amount}" in text


def test_a_changed_account_in_a_file_is_named_and_nothing_is_worked_out(told: Told, direct: Evidence) -> None:
    document = json.loads(saved_text(direct))
    account = next(one for one in document["accounts"] if one["dataBase64"])
    account["dataBase64"] = "AAAA" + account["dataBase64"][4:]
    told.file.write_text(json.dumps(document) + "\n")
    code, text = told.line("--file", str(told.file))
    assert code == ExitCode.BAD_DATA
    assert f"DIFFERENT bytes of {account['pubkey']}" in text
    assert "NOT REPRODUCED: the file was changed after it was saved" in text
    assert "decision" not in text


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "give an id, or --file"),
        (("q" * 52, "--file", "saved"), "give an id, or --file"),
        (("--file", "saved", "--save", "again"), "what --file names is saved already"),
        (("q" * 52,), "is mistyped"),
        (("12",), "must have 52 characters, got 2"),
        (("0" * 31,), "must have 52 characters, got 31"),
    ],
)
def test_a_wrong_command_line_is_told_with_its_rule(told: Told, arguments: tuple[str, ...], why: str) -> None:
    code, text = told.line(*arguments)
    assert code == ExitCode.BAD_INPUT
    assert why in text


def test_a_file_that_is_no_evidence_is_bad_data_and_a_missing_one_is_named(told: Told) -> None:
    told.file.write_text("{}")
    code, text = told.line("--file", str(told.file))
    assert code == ExitCode.BAD_DATA
    assert "is no evidence of a quote" in text
    code, text = told.line("--file", str(told.file) + ".gone")
    assert code != ExitCode.OK
    assert "evidence.json.gone" in text


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data folder, and no bus."""
    monkeypatch.setenv("SOLQUOTE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SOLQUOTE_NATS_URL", "nats://127.0.0.1:1")
    return tmp_path


FOUND = replace(opportunity(), confidence_bps=5_000)
STORED = StoredEvent("OPPORTUNITIES", 7, "opportunity.two_hop.SOL-USDC", 1, encode(FOUND))


def test_a_cycle_is_explained_leg_by_leg(told: Told, nothing_runs: Path) -> None:
    found = cycle(confidence_bps=5_000)
    told.file.write_bytes(encode(found))
    code, text = told.line("--file", str(told.file), "--wide")
    assert code == ExitCode.OK
    assert text.startswith(f"TriangularArbitrage {found.header.event_id.hex()}, SOL-USDC-JitoSOL, slot 400\n")
    sol, usdc, jitosol = found.mints
    assert [line.split() for line in text.splitlines() if line.startswith(found.mints)] == [
        [sol, usdc, "1000000000", "140000000", "11", "0"],
        [usdc, jitosol, "140000000", "820000000", "12", "1"],
        [jitosol, sol, "820000000", "1010000000", "13", "2"],
    ]
    assert "net profit, lamports: 10000000 - flash loan fee 500000 - tip 10000 - network fee 5000 = 9485000" in text
    assert "\nrejected: confidence\n" in text


def test_a_cycle_that_contradicts_itself_is_told_to(told: Told, nothing_runs: Path) -> None:
    told.file.write_bytes(encode(replace(cycle(), amounts=())))
    code, text = told.line("--file", str(told.file))
    assert code not in (ExitCode.OK, None)
    assert "amounts: must be one more than mints, are 0" in text


@pytest.mark.parametrize(
    "content",
    [
        encode(FOUND),
        json_text(event_json(FOUND)).encode(),
        json_text(STORED.as_json()).encode() + b"\n",
    ],
    ids=["bytes", "event", "line"],
)
def test_an_event_is_read_from_its_bytes_its_json_and_a_line_of_events(
    told: Told, nothing_runs: Path, content: bytes
) -> None:
    told.file.write_bytes(content)
    code, text = told.line("--file", str(told.file), "--wide")
    assert code == ExitCode.OK
    assert text.startswith(f"TwoHopArbitrage {FOUND.header.event_id.hex()}, SOL-USDC, slot 400\n")
    assert "SOLQUOTE_PLANNER_CONFIDENCE_ABOVE" in text
    assert "net profit, lamports: 10000000 - flash loan fee 500000 - tip 10000 - network fee 5000 = 9485000" in text
    assert "\nrejected: confidence\n" in text
    assert text.splitlines()[-1] == "reproduced: equal, 3 of 3 sums"


def test_an_event_is_read_from_standard_input(told: Told, nothing_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(encode(FOUND))))
    code, text = told.line("--file", "-", "--json")
    answer = json.loads(text)
    assert code == ExitCode.OK
    assert (answer["foundIn"], answer["verdict"], answer["reasons"]) == ("standard input", "rejected", ["confidence"])
    assert answer["event"] == json.loads(json_text(event_json(FOUND)))
    (failing,) = [check for check in answer["factors"] if not check["holds"]]
    assert (failing["value"], failing["limit"], failing["bound"]) == (5_000, 7_000, "above")
    assert answer["risk"]["score"] == sum(answer["risk"]["terms"].values())


def test_an_event_that_was_changed_does_not_come_out_and_says_which_sum(told: Told, nothing_runs: Path) -> None:
    told.file.write_bytes(encode(replace(FOUND, net_profit_lamports=1)))
    code, text = told.line("--file", str(told.file))
    assert code == ExitCode.NEGATIVE
    assert "= 9485000, DIFFERENT from what was told: 1" in text
    assert "reproduced: DIFFERENT, 1 of 3 sums differ" in text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"....SQOP" + bytes(40), "lie outside the message"),
        (b'{"type": "Nonsense"}', "has no type that is known"),
        (json_text({**event_json(FOUND), "amount_in": -1}).encode(), "amount_in"),
    ],
)
def test_what_looks_like_an_event_and_is_none_is_bad_data(
    told: Told, nothing_runs: Path, content: bytes, why: str
) -> None:
    told.file.write_bytes(content)
    code, text = told.line("--file", str(told.file))
    assert code == ExitCode.BAD_DATA
    assert re.search(why, text)


def test_an_event_is_found_by_its_id_in_the_journal_and_not_where_another_names_it(
    told: Told, nothing_runs: Path, tmp_path: Path
) -> None:
    made = plan(1)
    with Journal(
        nothing_runs / "journal", bounds=JournalBounds(segment_bytes_max=2_000, segment_count_max=9)
    ) as journal:
        for sequence, event in enumerate(
            (made, replace(FOUND, header=replace(FOUND.header, event_id=made.opportunity_id)))
        ):
            kind = kind_of(type(event))
            journal.append(
                stream=kind.stream,
                created="then",
                sequence=sequence + 1,
                subject=subject_of(event),
                stored_unix_ns=1,
                payload=encode(event),
            )
    code, text = told.line(made.header.event_id.hex())
    assert code == ExitCode.OK
    assert text.startswith(f"ExecutionPlan {made.header.event_id.hex()}")
    assert "of the journal in " in text
    code, text = told.line(made.opportunity_id.hex().upper(), "--save", str(tmp_path / "kept.json"))
    assert text.startswith(f"TwoHopArbitrage {made.opportunity_id.hex()}")
    again_code, again = told.line("--file", str(tmp_path / "kept.json"))
    assert (again_code, again.splitlines()[2:]) == (code, text.splitlines()[2:])


def test_an_event_is_found_by_its_id_in_the_history(told: Told, nothing_runs: Path) -> None:
    for kept in history_kept("sqlite", nothing_runs, lambda: pytest.fail("not asked for")):
        batch = [followed(plan(1), 1, stored_unix_ns=5), followed(plan(2), 2, stored_unix_ns=6)]
        write_batch(kept.open(), Stream.PLANNED, batch, before=None)
    code, text = told.line(plan(2).header.event_id.hex())
    assert code == ExitCode.OK
    assert "found in the history in sqlite" in text


def test_an_event_that_is_nowhere_says_where_was_looked(told: Told, nothing_runs: Path) -> None:
    code, text = told.line("0" * 32)
    assert code == ExitCode.BAD_INPUT
    assert f"no event {'0' * 32}: the journal in {nothing_runs / 'journal'} does not have it" in text
    assert "history.db is not there" in text
    assert "cannot be reached" in text
