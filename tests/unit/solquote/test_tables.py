"""Every table on a terminal of 80 columns: nothing is cut, nothing runs over, and `--wide` has addresses whole."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.results import result

from pipeline.auditor.daily import PnlAccount
from pipeline.auditor.runs import Runs
from pipeline.auditor.usd import SolPrices
from quote_core.events import Outcome
from quote_core.tokens import load_tokens
from shm import QuoteWriter, Role
from shm.base58 import mint_bytes
from solquote.account_reading import RunAccount
from solquote.answers import (
    PrintedCap,
    PrintedDroppedPool,
    PrintedHop,
    PrintedOracleSource,
    PrintedPool,
    PrintedPrice,
    PrintedQuote,
    PrintedSource,
)
from solquote.checks import DoctorFinding, DoctorVerdict
from solquote.command_line import run_command_line
from solquote.commands import pnl as pnl_module
from solquote.diagnosis import print_findings
from solquote.output import make_console

COLUMNS = 80
REGISTRY = load_tokens()
TOKENS = {token.symbol: token for token in REGISTRY}
POOL = "58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2"
SHORT_POOL = "58oQ..YQo2"


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Standard output as rich sees it in a window of 80 columns."""
    for name, value in (("TTY_COMPATIBLE", "1"), ("COLUMNS", str(COLUMNS)), ("TERM", "xterm"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SOLQUOTE_DATA_DIR", str(tmp_path))


def shown(capsys: pytest.CaptureFixture[str], *, columns: int = COLUMNS) -> str:
    """What was printed, held against the width, without the marks of bold."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert "\u2026" not in text, f"something is cut:\n{text}"
    assert max(len(line.rstrip()) for line in text.splitlines()) <= columns, text
    return text


def in_words(text: str) -> str:
    """As one line, for sentences that wrap."""
    return " ".join(text.split())


def pool(base: str, quote: str, protocol: str) -> PrintedPool:
    return PrintedPool(
        pool_id=POOL,
        protocol=protocol,
        mint_a=TOKENS[base].mint,
        mint_b=TOKENS[quote].mint,
        price=12_345.678912,
        fee_fraction_a_to_b=0.00012345,
        fee_fraction_b_to_a=0.0001,
        depth_a_amount=12_345_678_912_345,
        depth_b_amount=1,
        age_ms=99_900,
        slot=400_000_000,
        is_stale=True,
        is_tradable=False,
        refusal="not open before 1,700,000,000",
        provenance="synthetic",
    )


def test_pools(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    held = (pool("SOL", "USDC", "raydium_amm_v4"), pool("SOL", "hyloSOL", "orca_whirlpool"))
    monkeypatch.setattr("solquote.wire.ask_pools", lambda *_, **__: (held, ()))
    assert run_command_line(["pools"]) == 0
    text = shown(capsys)
    for piece in ("SOL/USDC", "SOL/hyloSOL", "orca_whirlpool", SHORT_POOL, "12,345.7", "0.0123 %", "synthetic"):
        assert piece in text
    assert f"{SHORT_POOL} refuses swaps: not open before" in text
    assert f"stale: {SHORT_POOL}, {SHORT_POOL}" in text
    assert run_command_line(["pools", "--wide"]) == 0
    wide = shown(capsys, columns=240)
    assert POOL in wide
    assert wide.count("SOL/USDC") == 1


def test_pools_not_held(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    mints = [load_tokens().resolve(symbol, field="").mint for symbol in ("SOL", "USDC")]
    others = tuple(
        PrintedDroppedPool(
            pool_id=POOL,
            protocol="raydium_cpmm",
            mint_a=mints[0],
            mint_b=mints[1],
            depth_lamports=depth,
            reason=reason,
        )
        for depth, reason in ((8_940_060, "shallow"), (None, "outranked"), (5 * 10**12, "no_room"), (1, "of later"))
    )
    monkeypatch.setattr("solquote.wire.ask_pools", lambda *_, **__: ((), others))
    assert run_command_line(["pools", "--dropped", "--wide"]) == 0
    text = shown(capsys, columns=240)
    for piece in (
        "SOL/USDC",
        POOL,
        "0.00894006",
        "not known",
        "5,000",
        "pool_depth_min_sol",
        "pool_count_max",
        "of later",
    ):
        assert piece in text
    assert run_command_line(["pools", "--dropped", "--json"]) == 0
    assert json.loads(shown(capsys, columns=9_999))["dropped"][0]["depthLamports"] == 8_940_060
    monkeypatch.setattr("solquote.wire.ask_pools", lambda *_, **__: ((), ()))
    assert run_command_line(["pools", "--dropped"]) == 0
    assert "every pool that is known is held" in shown(capsys)


def test_tokens(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    prices = {
        token.mint: PrintedPrice(
            mint=token.mint, usd=1_234.56789, source="", age_ms=99_900, is_stale=True, provenance="synthetic"
        )
        for token in REGISTRY
    }
    monkeypatch.setattr("solquote.wire.ask_prices", lambda *_, **__: prices)
    assert run_command_line(["tokens"]) == 0
    text = shown(capsys)
    for piece in ("hyloSOL", "1,234.57", "stake_pool", "99.9 s stale", "synthetic", "EPjF..Dt1v"):
        assert piece in text
    assert run_command_line(["tokens", "--wide"]) == 0
    assert TOKENS["USDC"].mint in shown(capsys, columns=240)


def oracle_prices() -> dict[str, PrintedPrice]:
    def source(name: str, usd: float | None, standing: str, why: str = "") -> PrintedOracleSource:
        conf = None if usd is None else 1_234.5
        return PrintedOracleSource(source=name, usd=usd, confidence_usd=conf, age_ms=99_900, standing=standing, why=why)

    told = (
        source("stake_pool", 123_456.789, "chosen"),
        source("switchboard", 123_000.0, "disagrees", "10.4 % off the chosen price, more than 2 %"),
        source("jupiter", None, "silent", "jupiter price: answered 500"),
    )
    return {
        token.mint: PrintedPrice(
            mint=token.mint,
            usd=123_456.789 if token.symbol != "sSOL" else None,
            source="stake_pool" if token.symbol != "sSOL" else "",
            age_ms=99_900,
            is_stale=False,
            provenance="recorded",
            confidence_usd=1_234.5,
            disagreement=0.104 if token.symbol == "hyloSOL" else 0.0,
            sources=told if token.symbol != "sSOL" else (),
        )
        for token in REGISTRY
    }


def test_oracles(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("solquote.wire.ask_prices", lambda *_, **__: oracle_prices())
    assert run_command_line(["oracles"]) == 0
    text = in_words(shown(capsys))
    for piece in (
        "hyloSOL", "123,457", "1,234.5", "99.9 s", "chosen", "switchboard", "disagrees", "10.4 %", "jupiter", "silent",
        "its sources disagree by 10.4 %", "none is registered",
    ):  # fmt: skip
        assert piece in text
    assert run_command_line(["oracles", "jitosol"]) == 0
    text = in_words(shown(capsys))
    assert "JitoSOL" in text
    assert "disagree by" not in text
    assert "hyloSOL" not in text
    assert run_command_line(["oracles", "hyloSOL", "--json"]) == 0
    (answer,) = json.loads(shown(capsys, columns=9_999))["oracles"]
    assert (answer["symbol"], answer["mint"], answer["usd"]) == ("hyloSOL", TOKENS["hyloSOL"].mint, 123_456.789)
    assert (answer["source"], answer["disagreement"], answer["isStale"]) == ("stake_pool", 0.104, False)
    assert [one["standing"] for one in answer["sources"]] == ["chosen", "disagrees", "silent"]
    assert [one["ageMs"] for one in answer["sources"]] == [99_900, 99_900, None]
    assert answer["sources"][1]["why"] == "10.4 % off the chosen price, more than 2 %"
    assert run_command_line(["oracles", "sSOL", "--json"]) == 0
    (answer,) = json.loads(shown(capsys, columns=9_999))["oracles"]
    assert (answer["usd"], answer["source"], answer["ageMs"], answer["sources"]) == (None, None, None, [])


def quote_answer() -> PrintedQuote:
    hop = PrintedHop(
        pool_id=POOL,
        protocol="raydium_amm_v4",
        input_mint=TOKENS["SOL"].mint,
        output_mint=TOKENS["hyloSOL"].mint,
        input_amount=10**18,
        output_amount=10**18,
        provenance="synthetic",
        fee_amount=123_456_789_012,
        fee_mint=TOKENS["SOL"].mint,
    )
    caps = tuple(
        PrintedCap(reason=reason, value=0.9999, limit=0.05, at_most="skip")
        for reason in ("price_impact", "oracle_deviation")
    )
    local = PrintedSource(
        name="local",
        output_amount=987_654_321_987_654_321,
        price_impact_fraction=0.9999,
        confidence=0.4321,
        factors=dict.fromkeys(("pool_age", "route", "oracle", "provider", "slippage"), 0.1234),
        caps=caps,
        age_ms=99_900,
        is_stale=True,
        slot=400_000_000,
        route=(hop, hop),
        error=None,
    )
    return PrintedQuote(
        input=TOKENS["SOL"],
        output=TOKENS["hyloSOL"],
        input_amount=10**18,
        output_amount=987_654_321_987_654_321,
        best="local",
        decision="skip",
        oracle_price=80.8,
        sources=(local, replace(local, name="jupiter", route=(), error="jupiter: rate limited, try again in 1000 ms")),
    )


def test_quote_and_its_explanation(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("solquote.wire.ask_quote", lambda *_, **__: quote_answer())
    assert run_command_line(["quote", "SOL", "hyloSOL", "1000000000", "--explain"]) == 1
    text = shown(capsys)
    for piece in (
        "987,654,321.987654321",
        f"through raydium_amm_v4 {SHORT_POOL}, synthetic",
        "jupiter: rate limited",
        "price impact 99.99 % is above 5 %; 99.99 % off the oracle's rate is above 10 %".replace("10 %", "5 %"),
        "execute from 0.9, verify from 0.7, cautious from 0.5, else skip",
    ):
        assert piece in in_words(text)
    assert run_command_line(["quote", "SOL", "hyloSOL", "1000000000", "--wide"]) == 1
    assert f"through raydium_amm_v4 {POOL}, synthetic" in shown(capsys, columns=240)


@pytest.fixture
def quote_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("SOLQUOTE_SHM_DIR", str(tmp_path))
    sold, bought = (mint_bytes(TOKENS[symbol].mint) for symbol in ("SOL", "hyloSOL"))
    with QuoteWriter.open(tmp_path, Role.INTERNAL) as internal, QuoteWriter.open(tmp_path, Role.EXTERNAL) as external:
        for index, pair in enumerate([(sold, bought), (bought, sold)]):
            external.assign(index, *pair)
            external.publish(index, input_amount=10**9, output_amount=876_543_210 + index, ts_ns=1)
        internal.assign(0, sold, bought)
        yield


@pytest.mark.usefixtures("quote_files")
def test_shared_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["watch", "--once"]) == 0
    text = shown(capsys)
    for piece in ("SOL/hyloSOL", "0.876543", "1.14085", "bps", "external", "no quote"):
        assert piece in text
    assert run_command_line(["shm", "inspect"]) == 0
    assert "2 of 512 readable" not in shown(capsys)
    assert run_command_line(["shm", "bench"]) == 0
    assert "against an empty call" in in_words(shown(capsys))


def test_a_dumb_terminal_gets_the_market_once(
    quote_files: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert run_command_line(["watch"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_no_color_means_no_color(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["settings"]) == 0
    assert re.findall(r"\x1b\[[0-9;]*(?:3|4|9)[0-9][;m]", capsys.readouterr().out) == []


def test_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["settings"]) == 0
    text = shown(capsys)
    assert "SOLQUOTE_RPC_URL = http://127.0.0.1:8899 Solana JSON-RPC endpoint" in in_words(text)
    assert run_command_line(["settings", "--wide"]) == 0
    assert re.search(r"SOLQUOTE_RPC_URL +http://127.0.0.1:8899 +Solana JSON-RPC endpoint", capsys.readouterr().out)


def test_profit_and_loss(capsys: pytest.CaptureFixture[str]) -> None:
    results = [
        replace(
            result(-123_456_789, outcome=outcome, reason="a rival was first in the pool, and nothing was left of it"),
            pair="SOL-hyloSOL",
            amount_in=1_000_000_000_000,
            expected_profit_lamports=123_456_789_012,
            run_id=f"recorded-20260701T000000-{number}",
        )
        for number, outcome in enumerate(Outcome)
    ]
    runs = Runs(capital_lamports=10**11, prices=SolPrices(()))
    for one in results:
        runs.add(one)
    shown_account = PnlAccount.empty(SolPrices(()), capital_lamports=10**11, run_id=results[0].run_id)
    shown_account.add(results[0])
    account = RunAccount(shown_account, results, {run_id: sums.ledger for run_id, sums in runs.by_run.items()})
    pnl_module._print(account, make_console())
    text = shown(capsys)
    for piece in ("SOL-hyloSOL", "1,000.000", "+123.456789", "-0.123457", "a rival was first", "other runs"):
        assert piece in in_words(text)


def test_doctor(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    finding = DoctorFinding(
        subject="quote file quotes-internal.mmap",
        verdict=DoctorVerdict.FAILED,
        detail=f"{tmp_path / ('x' * 60)} writer dead",
        mend="start the aggregator (`solquote up`), or name its folder with SOLQUOTE_SHM_DIR",
    )
    print_findings([finding], make_console())
    text = shown(capsys)
    assert "writer dead" in text
    assert "SOLQUOTE_SHM_DIR" in text


def test_verify_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    golden = Path(__file__).parents[2] / "golden"
    vectors = next(iter(sorted((golden / "vectors").glob("raydium_amm_v4*.json"))))
    assert run_command_line(["verify-quotes", str(vectors), "--pools", str(golden / "pools")]) == 0
    assert "raydium_amm_v4" in shown(capsys)
