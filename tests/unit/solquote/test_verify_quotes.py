import json
from pathlib import Path
from typing import Any

import pytest

from quote_core.dex.programs import decode_pool
from quote_core.dex.recorded import parse_recorded_pool
from solquote.cli import run
from solquote.exit_codes import ExitCode
from solquote.verify_quotes import verify_files

GOLDEN = Path(__file__).parents[2] / "golden"
POOLS, VECTORS = GOLDEN / "pools", GOLDEN / "vectors"


def vectors_of(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_bytes())
    return loaded


@pytest.fixture
def wrong_file(tmp_path: Path) -> Path:
    """A vector file with one wrong amount among three rows."""
    document = vectors_of("raydium_cpmm")
    document["vectors"] = [v for v in document["vectors"] if "amount_out" in v][:3]
    document["vectors"][1]["amount_out"] = "1"
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(document))
    return path


def test_report_counts_by_dex_and_kind_and_keeps_the_differences(wrong_file: Path) -> None:
    report = verify_files([wrong_file], [POOLS])
    tally = report.tallies["raydium_cpmm", "exact_in"]
    assert (tally.checked, tally.equal, tally.different) == (3, 2, 1)
    ((file_name, row),) = report.different_rows
    assert (file_name, row.index, row.differences[0].expected) == ("mine.json", 1, "1")


def test_pool_lying_flat_in_the_folder_is_found(tmp_path: Path) -> None:
    source = POOLS / "raydium_cpmm" / "sol_usdc_7JuwJuNU.json"
    (tmp_path / source.name).write_bytes(source.read_bytes())
    assert verify_files([VECTORS / "raydium_cpmm.json"], [tmp_path]).different == 0


def test_unreadable_files_do_not_stop_the_others(tmp_path: Path) -> None:
    not_json = tmp_path / "broken.json"
    not_json.write_text("{")
    unknown = tmp_path / "unknown.json"
    unknown.write_text(json.dumps({"dex": "phoenix", "vectors": [{"mode": "exact_in", "dex": "phoenix"}]}))
    report = verify_files([not_json, unknown, tmp_path / "absent.json", VECTORS / "stake_pool.json"], [POOLS])
    assert report.checked == 40
    assert len(report.unreadable) == 3
    assert "supported are" in report.unreadable[1]


def test_missing_pool_says_where_it_was_looked_for(tmp_path: Path) -> None:
    (problem,) = verify_files([VECTORS / "raydium_cpmm.json"], [tmp_path]).unreadable
    assert "raydium_cpmm/sol_usdc_7JuwJuNU.json" in problem
    assert str(tmp_path) in problem


def test_command_exits_zero_when_all_is_equal(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["verify-quotes", str(VECTORS / "raydium_amm_v4.json"), "--pools", str(POOLS)])
    assert code == ExitCode.OK
    assert "201 checked, 0 different" in capsys.readouterr().out


def test_command_exits_one_on_a_difference_and_shows_it_in_full(
    wrong_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify-quotes", str(wrong_file), "--pools", str(POOLS)]) == ExitCode.NEGATIVE
    shown = capsys.readouterr().out
    assert "mine.json, vector 1" in shown
    assert "amount_out: expected 1, got" in shown


def test_command_answers_in_json(wrong_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify-quotes", str(wrong_file), "--pools", str(POOLS), "--json"]) == ExitCode.NEGATIVE
    answer = json.loads(capsys.readouterr().out)
    assert (answer["checked"], answer["equal"], answer["different"]) == (3, 2, 1)
    assert answer["differentRows"][0]["differences"][0]["field"] == "amount_out"


def test_json_shows_every_difference_and_the_table_says_how_many_it_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = vectors_of("raydium_amm_v4")
    document["vectors"] = [v | {"amount_out": "999"} for v in document["vectors"] if "amount_out" in v][:9]
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(document))
    run(["verify-quotes", str(path), "--pools", str(POOLS), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["differentRows"]) == answer["different"] == 9
    assert [row["index"] for row in answer["differentRows"]] == list(range(9))
    run(["verify-quotes", str(path), "--pools", str(POOLS)])
    assert "4 more" in capsys.readouterr().out


def test_an_array_that_a_pool_file_calls_absent_is_no_liquidity(tmp_path: Path) -> None:
    short = next(v for v in vectors_of("meteora_dlmm")["vectors"] if v.get("error_kind", "").endswith("in_snapshot"))
    source = json.loads((POOLS / "meteora_dlmm" / f"{short['pool_file']}.json").read_bytes())
    pool = decode_pool(short["pool"], parse_recorded_pool(source, name="source").accounts[short["pool"]])
    lacking = [need.pubkey for need in pool.accounts_needed() if need.pubkey not in source["accounts"]]
    source["accounts"] |= dict.fromkeys(lacking)
    (tmp_path / f"{short['pool_file']}.json").write_text(json.dumps(source))
    vectors = tmp_path / "vectors" / "rows.json"
    vectors.parent.mkdir()
    rows = [short | {"error_kind": kind} for kind in ("insufficient_liquidity", "insufficient_liquidity_in_snapshot")]
    vectors.write_text(json.dumps({"dex": "meteora_dlmm", "vectors": rows}))
    report = verify_files([vectors], [tmp_path])
    assert report.unreadable == []
    assert [row.index for _, row in report.different_rows] == [1]


def test_command_says_what_it_could_not_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["verify-quotes", str(tmp_path / "absent.json"), "--pools", str(POOLS)])
    assert code == ExitCode.BAD_DATA
    assert "absent.json" in capsys.readouterr().out
