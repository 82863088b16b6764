"""Quotes of a running platform, worked out anew from their ids to the last unit, and offline from saved evidence."""

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import pytest
from fakes.running_platform import COMMAND_S, UP_S, RunningPlatform, solquote
from fakes.stopwatch import Stopwatch

from quote_core.dex.pool import SwapMode
from quote_core.quote_id import parse_quote_id
from quote_core.tokens import Token, load_tokens
from solquote.answers import PrintedSource
from solquote.evidence import Evidence, read_evidence
from solquote.evidence_wire import ask_evidence
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed
from solquote.reproduction import Reproduction, reproduce
from solquote.wire import ANY_ROUTE, AskedRoute, ask_quote

pytestmark = pytest.mark.integration

SOL, USDC, MSOL = (load_tokens().resolve(symbol, field="") for symbol in ("SOL", "USDC", "mSOL"))
SOLS = 10**9
Told = TypeVar("Told")
ROUNDS = 5
"""How many quotes of a kind are explained: the recorded market trades on between them."""


def patiently(ask: Callable[[], Told | None]) -> Told:
    """What `ask` gives, asked again while services are given up on: the machine may be busy elsewhere."""
    watch = Stopwatch()
    while watch.elapsed_s < UP_S:
        try:
            told = ask()
        except CommandFailed as error:
            if error.exit_code not in {ExitCode.TIMED_OUT, ExitCode.UNAVAILABLE}:
                raise
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in {HTTPStatus.GATEWAY_TIMEOUT, HTTPStatus.SERVICE_UNAVAILABLE}:
                raise
        else:
            if told is not None:
                return told
    pytest.fail("no answer")


def quoted(
    platform: RunningPlatform,
    tokens: tuple[Token, Token],
    amount: int,
    *,
    by_provider: bool = False,
    mode: SwapMode = SwapMode.EXACT_IN,
    terms: AskedRoute = ANY_ROUTE,
) -> PrintedSource:
    """The quote of one source."""
    address = platform.environment["SOLQUOTE_AGGREGATOR_ADDRESS"]

    def ask() -> PrintedSource | None:
        answer = ask_quote(address, *tokens, amount, timeout_s=COMMAND_S, mode=mode, terms=terms)
        quotes = (source for source in answer.sources if source.quote_id)
        return next((source for source in quotes if (source.name != "local") is by_provider), None)

    return patiently(ask)


def evidence_of(platform: RunningPlatform, quote_id: str) -> Evidence:
    address = platform.environment["SOLQUOTE_AGGREGATOR_ADDRESS"]
    return patiently(lambda: ask_evidence(address, quote_id, timeout_s=COMMAND_S))


def reproduced(platform: RunningPlatform, source: PrintedSource) -> Reproduction:
    """What the id comes to; it is what was told."""
    result = reproduce(evidence_of(platform, source.quote_id))
    assert result.is_equal, (result.failure, [check for check in result.checks if not check.is_equal])
    assert result.output_amount == source.output_amount
    return result


@pytest.mark.parametrize("tokens", [(SOL, USDC), (USDC, SOL), (SOL, MSOL)], ids=lambda pair: pair[0].symbol)
def test_direct_quotes_come_out_again(client_platform: RunningPlatform, tokens: tuple[Token, Token]) -> None:
    told = []
    for number in range(ROUNDS):
        amount = 10 ** tokens[0].decimals + number
        source = quoted(client_platform, tokens, amount)
        assert reproduced(client_platform, source).input_amount == amount
        told.append(source)
    for source in told:  # the market has traded on since
        reproduced(client_platform, source)


def test_a_route_through_another_token_comes_out_again(client_platform: RunningPlatform) -> None:
    for number in range(ROUNDS):
        source = quoted(client_platform, (MSOL, USDC), SOLS + number, terms=AskedRoute(max_hops=2))
        result = reproduced(client_platform, source)
        assert len(result.swaps) == 2
        assert result.swaps[0].swap.amount_out == result.swaps[1].swap.amount_in


def test_a_split_comes_out_again(client_platform: RunningPlatform) -> None:
    for number in range(ROUNDS):
        source = quoted(client_platform, (SOL, USDC), 20_000 * SOLS + number, terms=AskedRoute(max_splits=3))
        result = reproduced(client_platform, source)
        assert len({one.leg for one in result.swaps}) > 1
        assert result.input_amount == 20_000 * SOLS + number


@pytest.mark.parametrize("terms", [ANY_ROUTE, AskedRoute(max_hops=2)], ids=["direct", "hops"])
def test_a_wanted_output_comes_out_again(client_platform: RunningPlatform, terms: AskedRoute) -> None:
    for number in range(ROUNDS):
        wanted = 100_000_000 + number
        source = quoted(client_platform, (SOL, USDC), wanted, mode=SwapMode.EXACT_OUT, terms=terms)
        result = reproduced(client_platform, source)
        assert result.output_amount >= wanted
        assert result.evidence.wanted_output_amount == wanted


def test_a_providers_quote_comes_out_again_of_its_answer(client_platform: RunningPlatform) -> None:
    for number in range(ROUNDS):
        source = quoted(client_platform, (SOL, USDC), 7 * SOLS + number, by_provider=True)
        result = reproduced(client_platform, source)
        assert result.evidence.answer is not None
        assert result.evidence.answer.request.startswith("/quote?")
        assert result.oracle_rate is not None


def test_an_answer_over_http_tells_an_id_that_is_explained(client_platform: RunningPlatform) -> None:
    port = client_platform.environment["SOLQUOTE_AGGREGATOR_HTTP_PORT"]
    url = f"http://127.0.0.1:{port}/v1/quote?inputMint={SOL.mint}&outputMint={USDC.mint}&amount={SOLS}"

    def ask() -> dict[str, str]:
        with urllib.request.urlopen(url, timeout=COMMAND_S) as answer:
            told: dict[str, str] = json.load(answer)
        return told

    told = patiently(ask)
    result = reproduce(evidence_of(client_platform, told["quoteId"]))
    assert result.is_equal, result.checks
    assert str(result.output_amount) == told["outAmount"]


def test_a_quote_that_was_never_told_is_refused_in_words(client_platform: RunningPlatform) -> None:
    asked = parse_quote_id(quoted(client_platform, (SOL, USDC), SOLS).quote_id)
    with pytest.raises(CommandFailed, match="nothing is kept of this quote"):
        evidence_of(client_platform, asked._replace(output_amount=asked.output_amount + 1).text)
    with pytest.raises(CommandFailed, match="EVIDENCE_ROUTE_COUNT_MAX"):
        evidence_of(client_platform, asked._replace(route_id=1).text)


def test_the_command_explains_a_quote_and_its_file_needs_no_platform(
    client_platform: RunningPlatform, tmp_path: Path
) -> None:
    quote_id = quoted(client_platform, (SOL, USDC), 3 * SOLS // 2).quote_id
    saved = tmp_path / "evidence.json"
    line = ("explain", quote_id, "--save", str(saved), "--timeout", str(COMMAND_S))

    def ask() -> "subprocess.CompletedProcess[str] | None":
        ended = solquote(*line, data_dir=client_platform.data_dir)
        return None if ended.returncode in {ExitCode.TIMED_OUT, ExitCode.UNAVAILABLE} else ended

    online = patiently(ask)
    offline = solquote("explain", "--file", str(saved), data_dir=tmp_path / "nothing runs here")
    assert online.returncode == offline.returncode == ExitCode.OK, (online.stderr, offline.stderr)
    assert online.stdout == offline.stdout
    assert "reproduced: equal" in offline.stdout
    evidence = read_evidence(saved.read_bytes(), name="saved")
    assert (evidence.is_as_saved, evidence.quote_id.text) == (True, quote_id)
