"""What `quote` tells of an answer, and with which exit code."""

import json
from dataclasses import replace

import pytest

from aggregator.confidence import score
from quote_core.tokens import load_tokens
from solquote.answers import PrintedCap, PrintedHop, PrintedQuote, PrintedSource
from solquote.command_line import run_command_line
from solquote.exit_codes import ExitCode

SOL, USDC = (load_tokens().resolve(symbol, field="test") for symbol in ("SOL", "USDC"))
SCORED = score(
    age_s=0.3, hop_count=1, rate=80.0, oracle_rate=80.8, uptime=1.0, slippage_expected=0.0005, slippage_actual=0.001
)
HOP = PrintedHop(
    pool_id="pool",
    protocol="orca_whirlpool",
    input_mint=SOL.mint,
    output_mint=USDC.mint,
    input_amount=10**9,
    output_amount=80_000_000,
    provenance="recorded",
    fee_amount=2_500_000,
    fee_mint=SOL.mint,
)
LOCAL = PrintedSource(
    name="local",
    output_amount=80_000_000,
    price_impact_fraction=0.001,
    confidence=SCORED.score,
    factors={name: getattr(SCORED.factors, name) for name in ("pool_age", "route", "oracle", "provider", "slippage")},
    age_ms=300,
    is_stale=False,
    slot=7,
    route=(HOP,),
    error=None,
)
ANSWER = PrintedQuote(
    input=SOL,
    output=USDC,
    input_amount=10**9,
    output_amount=80_000_000,
    best="local",
    decision="execute",
    oracle_price=80.8,
    sources=(LOCAL,),
)
CAPS = (
    PrintedCap(reason="price_impact", value=0.9999, limit=0.05, at_most="skip"),
    PrintedCap(reason="oracle_deviation", value=0.2, limit=0.1, at_most="skip"),
)
SKIPPED = replace(ANSWER, decision="skip", sources=(replace(LOCAL, caps=CAPS),))


def told(
    answer: PrintedQuote, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, str]:
    monkeypatch.setattr("solquote.wire.ask_quote", lambda *_, **__: answer)
    code = run_command_line(["quote", "SOL", "USDC", "1", *options])
    return code, capsys.readouterr().out


def test_a_quote_tells_what_it_gives_at_least_and_what_the_pools_take(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = told(ANSWER, monkeypatch, capsys, "--slippage-bps", "100")
    assert code == ExitCode.OK
    assert "minimum out 79.2 USDC at 1 % slippage, fees 0.0025 SOL" in text
    assert "SKIP" not in text


def test_a_skip_is_said_first_with_its_reasons_and_exits_with_no(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = told(SKIPPED, monkeypatch, capsys)
    assert code == ExitCode.NEGATIVE
    assert text.splitlines()[1] == ("SKIP: price impact 99.99 % is above 5 %; 20 % off the oracle's rate is above 10 %")


def test_json_has_the_caps_and_the_minimum_and_the_same_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = told(SKIPPED, monkeypatch, capsys, "--json")
    document = json.loads(text)
    assert code == ExitCode.NEGATIVE
    assert [cap["reason"] for cap in document["caps"]] == ["price_impact", "oracle_deviation"]
    assert (document["minOutputAmount"], document["minOutputDecimal"]) == (79_600_000, "79.600000")


def test_a_wanted_output_has_a_most_that_may_go_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, text = told(replace(ANSWER, input_amount=10**9 + 1), monkeypatch, capsys, "--exact-out")
    assert "maximum in 1.005000002 SOL at 0.5 % slippage" in text
    assert "minimum out" not in text
    _, text = told(replace(ANSWER, input_amount=10**9 + 1), monkeypatch, capsys, "--exact-out", "--json")
    document = json.loads(text)
    assert (document["maxInputAmount"], document["maxInputDecimal"]) == (1_005_000_002, "1.005000002")
    assert "minOutputAmount" not in document


def test_explain_shows_factors_weights_and_a_sum_that_is_the_score(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, text = told(SKIPPED, monkeypatch, capsys, "--explain")
    sum_line = next(line for line in text.splitlines() if " = " in line)
    products, total = sum_line.split(" = ")
    added = sum(float(weight) * float(value) for weight, value in (one.split(" x ") for one in products.split(" + ")))
    assert added == pytest.approx(float(total), abs=0.0002)
    assert float(total) == pytest.approx(SCORED.score, abs=0.0001)
    for part in ("1 - 300 ms / 60 s", "1 - 10 x 0.99 % off the oracle's rate", "capped at skip: price impact"):
        assert part in text


def test_a_dispute_of_the_oracles_sources_is_told_with_its_cost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    disputed = replace(ANSWER, oracle_disagreement=0.05)
    _, text = told(disputed, monkeypatch, capsys, "--explain")
    assert "1 - 10 x 0.99 % off the oracle's rate - 10 x 5 % its sources disagree" in " ".join(text.split())
    _, text = told(disputed, monkeypatch, capsys, "--json")
    assert json.loads(text)["oracleDisagreement"] == 0.05
    _, text = told(disputed, monkeypatch, capsys)
    assert "oracle's sources disagree by 5 % (`solquote oracles`)" in " ".join(text.split())
    _, text = told(ANSWER, monkeypatch, capsys)
    assert "disagree" not in text


def test_a_route_through_the_same_pools_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jupiter = replace(LOCAL, name="jupiter", route=(replace(HOP, protocol="Whirlpool"),))
    other = replace(jupiter, route=(replace(HOP, pool_id="elsewhere"),))
    _, same = told(replace(ANSWER, sources=(LOCAL, jupiter)), monkeypatch, capsys)
    _, different = told(replace(ANSWER, sources=(LOCAL, other)), monkeypatch, capsys)
    assert "the same as local" in same
    assert "elsewhere" in different


@pytest.mark.parametrize(("decision", "limit"), [("skip", "0.5"), ("cautious", "0.7")])
def test_a_low_score_is_said_as_loudly_as_a_cap(
    decision: str, limit: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = replace(
        LOCAL, confidence=0.4, caps=(PrintedCap(reason="price_impact", value=0.5, limit=0.05, at_most="x"),)
    )
    _, text = told(replace(ANSWER, decision=decision, sources=(source,)), monkeypatch, capsys)
    assert text.splitlines()[1] == (
        f"{decision.upper()}: confidence 0.400 is below {limit}; price impact 50 % is above 5 %"
    )
