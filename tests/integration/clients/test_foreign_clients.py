"""The services as clients see them that nobody here wrote: `buf curl`, grpcurl, ghz, and Jupiter's npm client."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.go_tools import go_tool
from fakes.npm_package import npm_folder
from fakes.running_platform import RunningPlatform

from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

BUF = str(Path(sys.executable).parent / "buf")
CURL = [BUF, "curl", "--http2-prior-knowledge", "--protocol", "grpc"]
SERVICES = {
    "SOLQUOTE_AGGREGATOR_ADDRESS": "solquote.v1.QuoteAggregatorService",
    "SOLQUOTE_LOCAL_QUOTE_ADDRESS": "solquote.v1.LocalQuoteService",
    "SOLQUOTE_EXTERNAL_QUOTE_ADDRESS": "solquote.v1.ExternalQuoteService",
}
SOL, USDC = (token.mint for token in list(load_tokens())[:2])
WAIT_S = 120.0
JUPITER_CLIENT = Path(__file__).parents[2] / "fakes" / "jupiter_client.mjs"


def curl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CURL, *arguments], capture_output=True, text=True, timeout=WAIT_S, check=False)


def call(platform: RunningPlatform, variable: str, method: str, request: object) -> Any:
    address = platform.environment[variable]
    answer = curl("-d", json.dumps(request), f"http://{address}/{SERVICES[variable]}/{method}")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


@pytest.mark.parametrize("variable", SERVICES)
def test_reflection_lists_the_services(client_platform: RunningPlatform, variable: str):
    answer = curl("--list-services", f"http://{client_platform.environment[variable]}")
    assert {SERVICES[variable], "grpc.health.v1.Health"} <= set(answer.stdout.split())


@pytest.mark.parametrize("variable", SERVICES)
def test_the_standard_health_service_says_serving(client_platform: RunningPlatform, variable: str):
    address = client_platform.environment[variable]
    for service in ("", SERVICES[variable]):
        answer = curl("-d", json.dumps({"service": service}), f"http://{address}/grpc.health.v1.Health/Check")
        assert json.loads(answer.stdout) == {"status": "SERVING"}


@pytest.mark.parametrize("variable", SERVICES)
def test_one_quote(client_platform: RunningPlatform, variable: str):
    request = {"inputMint": SOL, "outputMint": USDC, "inputAmount": "1000000000"}
    quote = call(client_platform, variable, "GetQuote", request)
    # The recording's SOL is worth about 81 USDC; the flow moves it by some per cent at the most.
    assert 50_000_000 < int(quote["outputAmount"]) < 120_000_000


def test_every_quoted_pair_quotes_both_ways_and_the_others_say_why(client_platform: RunningPlatform):
    without_pools = {"sSOL", "mpSOL", "BGSOL"}
    for pair in load_tokens().pairs:
        for given, wanted in pair.directions():
            request = {"inputMint": given.mint, "outputMint": wanted.mint, "inputAmount": "10000000"}
            address = client_platform.environment["SOLQUOTE_LOCAL_QUOTE_ADDRESS"]
            answer = curl("-d", json.dumps(request), f"http://{address}/solquote.v1.LocalQuoteService/GetQuote")
            if pair.quote.symbol in without_pools:
                refusal = json.loads(answer.stderr)
                assert refusal["code"] == "failed_precondition"
                assert f"{given.symbol}/{wanted.symbol}" in refusal["message"]
            else:
                quote = json.loads(answer.stdout)
                synthetic = wanted.symbol != "USDC" and given.symbol != "USDC"
                assert quote["provenance"] == ("PROVENANCE_SYNTHETIC" if synthetic else "PROVENANCE_RECORDED")


def messages(stream: Any) -> Iterator[Any]:
    """Read JSON values one after the other, as buf prints them."""
    decoder, text = json.JSONDecoder(), ""
    for line in stream:
        text += line
        try:
            value, end = decoder.raw_decode(text)
        except ValueError:
            continue
        text = text[end:].lstrip()
        yield value


def test_twenty_messages_of_a_batch_stream(client_platform: RunningPlatform):
    address = client_platform.environment["SOLQUOTE_AGGREGATOR_ADDRESS"]
    request = {
        "pairs": [{"inputMint": SOL, "outputMint": USDC}, {"inputMint": USDC, "outputMint": SOL}],
        "amounts": ["100000000", "1000000000"],
        "refreshIntervalMs": 100,
    }
    url = f"http://{address}/solquote.v1.QuoteAggregatorService/StreamBatchQuotes"
    with subprocess.Popen([*CURL, "-d", json.dumps(request), url], stdout=subprocess.PIPE, text=True) as process:
        received = [message for message, _ in zip(messages(process.stdout), range(20), strict=False)]
        process.terminate()
    assert len(received) == 20
    first = received[0]
    assert first["snapshot"] is True
    asked = {
        (pair["inputMint"], pair["outputMint"], amount) for pair in request["pairs"] for amount in request["amounts"]
    }
    answered = {(quote["inputMint"], quote["outputMint"], quote["inputAmount"]) for quote in first["quotes"]}
    assert answered == asked
    assert [int(message.get("sequence", 0)) for message in received] == sorted(
        int(message.get("sequence", 0)) for message in received
    )


def grpcurl(*arguments: str) -> str:
    ran = subprocess.run(
        [go_tool("grpcurl"), "-plaintext", *arguments], capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("variable", SERVICES)
def test_grpcurl_describes_every_service_method_and_message(client_platform: RunningPlatform, variable: str):
    address = client_platform.environment[variable]
    assert {SERVICES[variable], "grpc.reflection.v1.ServerReflection"} <= set(grpcurl(address, "list").split())
    methods = grpcurl(address, "list", SERVICES[variable]).split()
    assert f"{SERVICES[variable]}.GetQuote" in methods
    for method in methods:
        assert f"rpc {method.rpartition('.')[2]} (" in grpcurl(address, "describe", method)
    for symbol in ("BatchQuoteRequest", "BatchQuoteRequest.pairs", "Provenance", "PROVENANCE_CHAIN"):
        assert symbol.rpartition(".")[2] in grpcurl(address, "describe", f"solquote.v1.{symbol}")
    assert "grpc.reflection.v1.ServerReflection" in grpcurl(address, "describe", "grpc.reflection.v1.ServerReflection")


def test_grpcurl_gets_a_quote(client_platform: RunningPlatform):
    address = client_platform.environment["SOLQUOTE_AGGREGATOR_ADDRESS"]
    request = json.dumps({"inputMint": SOL, "outputMint": USDC, "inputAmount": "1000000000"})
    quote = json.loads(grpcurl("-d", request, address, "solquote.v1.QuoteAggregatorService/GetQuote"))
    assert 50_000_000 < int(quote["outputAmount"]) < 120_000_000


@pytest.mark.parametrize("call", ["GetQuote", "StreamQuotes"])
def test_ghz_loads_a_method_by_reflection_with_compressed_requests(client_platform: RunningPlatform, call: str):
    address = client_platform.environment["SOLQUOTE_AGGREGATOR_ADDRESS"]
    request = {"inputMint": SOL, "outputMint": USDC, "inputAmount": "1000000000"}
    method = ["--insecure", "--call", f"solquote.v1.QuoteAggregatorService.{call}", "-d", json.dumps(request)]
    load = ["--enable-compression", "--keepalive", "10s", "-n", "20", "-c", "2", "--stream-call-duration", "300ms"]
    ran = subprocess.run(
        [go_tool("ghz"), *method, *load, "--format", "json", address],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert (report["count"], set(report["statusCodeDistribution"])) == (
        20,
        {"OK"} if call == "GetQuote" else {"Canceled"},
    )


@pytest.mark.parametrize("prefix", ["", "/swap/v1", "/v6", "/v1"])
def test_jupiters_own_client_is_answered(client_platform: RunningPlatform, prefix: str):
    http = client_platform.view("aggregator")["address"].rpartition(",")[2]
    base_path = f"http://127.0.0.1:{http}{prefix}"
    folder = npm_folder("@jup-ag/api", "6.0.48")
    ran = subprocess.run(
        ["node", str(JUPITER_CLIENT), base_path, SOL, USDC, str(folder)],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    understood = json.loads(ran.stdout)
    assert 50_000_000 < int(understood["exactIn"]["outAmount"]) < 120_000_000
    assert understood["exactIn"]["routePlan"][0]["percent"] == 100
    assert int(understood["exactOut"]["outAmount"]) >= 100_000_000
    assert int(understood["exactOut"]["otherAmountThreshold"]) >= int(understood["exactOut"]["inAmount"])
    assert understood["raydium"]["routePlan"][0]["swapInfo"]["label"] in {"Raydium CP", "Raydium CLMM"}
    assert understood["labels"]["whirLbMiicVdio4qvUfM5KAg6Ct8VwpYzGff3uctyCc"] == "Whirlpool"
    fee = understood["withFee"]["platformFee"]
    assert (int(fee["amount"]) + int(understood["withFee"]["outAmount"])) * fee["feeBps"] // 10_000 == int(
        fee["amount"]
    )
    assert understood["lean"]["routePlan"][0]["swapInfo"]["label"] in {"Raydium CP", "Whirlpool"}
    assert {step["swapInfo"]["label"] for step in understood["everything"]["routePlan"]} == {"Whirlpool"}
    for refused, words in (
        ("noAccounts", "maxAccounts: must be a whole number of accounts from 18"),
        ("dynamic", "dynamicSlippage: must be false"),
        ("unknownDex", "dexes: must name DEXes of"),
    ):
        assert (understood[refused]["status"], understood[refused]["errorCode"]) == (400, "INVALID_ARGUMENT")
        assert understood[refused]["error"].startswith(words)
    for refused in ("swap", "instructions"):
        assert (understood[refused]["status"], understood[refused]["errorCode"]) == (501, "UNIMPLEMENTED")
