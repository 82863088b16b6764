"""Wrong input at every door of the running platform: the error names the field and the rule, and nothing breaks."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import pytest
from fakes.running_platform import RunningPlatform, solquote

from quote_core.generated.solquote.v1 import (
    external_quote_pb2,
    external_quote_pb2_grpc,
    local_quote_pb2,
    local_quote_pb2_grpc,
    quote_aggregator_pb2,
    quote_aggregator_pb2_grpc,
    quotes_pb2,
)
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

SOL, USDC = (token.mint for token in list(load_tokens())[:2])
SSOL = load_tokens().resolve("sSOL", field="x").mint
UNKNOWN = "11111111111111111111111111111111"
ONE_SOL = 1_000_000_000
TIMEOUT_S = 60.0

DOORS = {
    "aggregator": (
        "SOLQUOTE_AGGREGATOR_ADDRESS",
        quote_aggregator_pb2_grpc.QuoteAggregatorServiceStub,
        quote_aggregator_pb2.AggregatedQuoteRequest,
    ),
    "local": (
        "SOLQUOTE_LOCAL_QUOTE_ADDRESS",
        local_quote_pb2_grpc.LocalQuoteServiceStub,
        local_quote_pb2.LocalQuoteRequest,
    ),
    "external": (
        "SOLQUOTE_EXTERNAL_QUOTE_ADDRESS",
        external_quote_pb2_grpc.ExternalQuoteServiceStub,
        external_quote_pb2.ExternalQuoteRequest,
    ),
}
BAD_QUOTES = [
    pytest.param(UNKNOWN, USDC, ONE_SOL, "NOT_FOUND", "input_mint", id="unknown input mint"),
    pytest.param(SOL, UNKNOWN, ONE_SOL, "NOT_FOUND", "output_mint", id="unknown output mint"),
    pytest.param("0OIl", USDC, ONE_SOL, "INVALID_ARGUMENT", "input_mint", id="not base58"),
    pytest.param(SOL, "abc", ONE_SOL, "INVALID_ARGUMENT", "output_mint", id="too short"),
    pytest.param("", USDC, ONE_SOL, "INVALID_ARGUMENT", "input_mint", id="empty mint"),
    pytest.param(SOL, SOL, ONE_SOL, "INVALID_ARGUMENT", "output_mint", id="token with itself"),
    pytest.param(SOL, USDC, 0, "INVALID_ARGUMENT", "input_amount", id="zero amount"),
    pytest.param("x" * 100_000, USDC, ONE_SOL, "INVALID_ARGUMENT", "input_mint", id="huge mint"),
]


def door(platform: RunningPlatform, name: str) -> tuple[grpc.Channel, object, type]:
    variable, stub, request = DOORS[name]
    channel = grpc.insecure_channel(platform.environment[variable])
    return channel, stub(channel), request


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize(("input_mint", "output_mint", "amount", "code", "field"), BAD_QUOTES)
def test_a_bad_quote_request_is_refused_by_field_and_rule(
    client_platform: RunningPlatform, name: str, input_mint: str, output_mint: str, amount: int, code: str, field: str
):
    channel, stub, request = door(client_platform, name)
    with channel, pytest.raises(grpc.RpcError) as caught:
        stub.GetQuote(request(input_mint=input_mint, output_mint=output_mint, input_amount=amount), timeout=TIMEOUT_S)
    assert caught.value.code() is grpc.StatusCode[code]
    assert caught.value.details().startswith(f"{field}: ")
    assert len(caught.value.details()) < 500


@pytest.mark.parametrize("name", ["aggregator", "local"])
def test_an_amount_that_buys_nothing_is_a_fact_of_the_market(client_platform: RunningPlatform, name: str):
    channel, stub, request = door(client_platform, name)
    with channel, pytest.raises(grpc.RpcError) as caught:
        stub.GetQuote(request(input_mint=SOL, output_mint=USDC, input_amount=1), timeout=TIMEOUT_S)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize("name", DOORS)
def test_a_batch_beyond_the_table_is_refused(client_platform: RunningPlatform, name: str):
    channel, stub, _ = door(client_platform, name)
    request = quotes_pb2.BatchQuoteRequest(
        pairs=[quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC)], amounts=range(1, 5_000)
    )
    with channel, pytest.raises(grpc.RpcError) as caught:
        next(iter(stub.StreamBatchQuotes(request, timeout=TIMEOUT_S)))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("name", ["aggregator", "local"])
def test_a_bad_pair_in_a_batch_is_reported_and_the_others_are_served(client_platform: RunningPlatform, name: str):
    channel, stub, _ = door(client_platform, name)
    pairs = [(SOL, USDC), (SOL, UNKNOWN), ("0OIl", USDC), (SOL, SSOL)]
    request = quotes_pb2.BatchQuoteRequest(
        pairs=[quotes_pb2.TokenPair(input_mint=given, output_mint=wanted) for given, wanted in pairs],
        amounts=[ONE_SOL],
    )
    codes: dict[tuple[str, str], str] = {}
    with channel:
        for message in stub.StreamBatchQuotes(request, timeout=TIMEOUT_S):
            for quote in getattr(message, "quotes", [message]):
                codes[quote.input_mint, quote.output_mint] = quote.error.code
            if len(codes) == len(pairs):
                break
    assert codes == {
        (SOL, USDC): "",
        (SOL, UNKNOWN): "NOT_FOUND",
        ("0OIl", USDC): "INVALID_ARGUMENT",
        (SOL, SSOL): "FAILED_PRECONDITION",
    }


def http(platform: RunningPlatform, path: str, *, body: bytes | None = None) -> tuple[int, object]:
    base = f"http://127.0.0.1:{platform.environment['SOLQUOTE_AGGREGATOR_HTTP_PORT']}"
    request = urllib.request.Request(base + path, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def query(**values: object) -> str:
    wanted = {"inputMint": SOL, "outputMint": USDC, "amount": ONE_SOL} | values
    return "/v1/quote?" + "&".join(f"{name}={value}" for name, value in wanted.items() if value is not None)


@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        (query(inputMint=UNKNOWN), 404, "inputMint"),
        (query(inputMint="0OIl"), 400, "inputMint"),
        (query(inputMint=None), 400, "inputMint"),
        (query(outputMint=SOL), 400, "outputMint"),
        (query(amount=0), 400, "amount"),
        (query(amount=-1), 400, "amount"),
        (query(amount="1.5"), 400, "amount"),
        (query(amount="abc"), 400, "amount"),
        (query(amount=2**64), 400, "amount"),
        (query(amount=None), 400, "amount"),
        (query(slippageBps=-1), 400, "slippageBps"),
        (query(slippageBps=10_001), 400, "slippageBps"),
        (query(swapMode="Exact"), 400, "swapMode"),
        (query(maxAccounts="abc"), 400, "maxAccounts"),
        (query(outputMint=SSOL), 422, "SOL/sSOL"),
        ("/v1/pools/0OIl", 400, "mint"),
    ],
)
def test_bad_http_input_is_refused_by_field_and_rule(
    client_platform: RunningPlatform, path: str, status: int, named: str
):
    found, answer = http(client_platform, path)
    assert (found, named in str(answer)) == (status, True), answer
    assert set(answer) >= {"error", "errorCode"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"\xff\xfe", 400),
        (b'{"quotes": "all"}', 400),
        (json.dumps({"quotes": [{"inputMint": SOL, "outputMint": USDC, "amount": 1}] * 101}).encode(), 400),
    ],
)
def test_a_malformed_batch_is_refused(client_platform: RunningPlatform, body: bytes, status: int):
    found, answer = http(client_platform, "/v1/quote/batch", body=body)
    assert found == status, answer
    assert set(answer) >= {"error", "errorCode"}


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"SOLQUOTE_LOCAL_QUOTE_GRPC_PROT": "1"}, "SOLQUOTE_LOCAL_QUOTE_GRPC_PORT"),
        ({"SOLQUOTE_COLOUR": "red"}, "SOLQUOTE_COLOUR"),
        ({"SOLQUOTE_AGGREGATOR_HTTP_PORT": "70000"}, "65535"),
        ({"SOLQUOTE_RPC_URL": "ftp://node"}, "SOLQUOTE_RPC_URL"),
        ({"SOLQUOTE_CONFIG": "/nonexistent.toml"}, "No such file"),
    ],
)
def test_an_unknown_or_wrong_setting_is_named_before_anything_starts(
    tmp_path: Path, environ: dict[str, str], named: str
):
    done = solquote("up", "--free-ports", data_dir=tmp_path, environ=environ)
    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr
