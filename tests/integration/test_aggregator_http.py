"""The aggregator's HTTP API, over real sockets, against quote services that speak real gRPC."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fakes.quote_services import FakeExternalService, FakeLocalService
from fakes.running_aggregator import aggregator_between

from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

TOKENS = load_tokens()
SOL = TOKENS.resolve("SOL", field="").mint
USDC = TOKENS.resolve("USDC", field="").mint
SSOL = TOKENS.resolve("sSOL", field="").mint
UNKNOWN = "Vote111111111111111111111111111111111111111"
ONE_SOL = 1_000_000_000


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    local = FakeLocalService()
    local.usd = {SOL: 140.0, USDC: 1.0}
    local.rates = {(SOL, USDC): 0.14, (USDC, SOL): 7.1}
    async with (
        aggregator_between(tmp_path, local=local, external=FakeExternalService()) as running,
        aiohttp.ClientSession(running.http_url) as session,
    ):
        yield session


def asked(**changes: str) -> dict[str, str]:
    return {"inputMint": SOL, "outputMint": USDC, "amount": str(ONE_SOL)} | changes


async def get(http: aiohttp.ClientSession, path: str, **parameters: str) -> tuple[int, Any]:
    async with http.get(path, params=parameters) as answer:
        return answer.status, await answer.json()


async def test_quote_is_answered_in_jupiters_names_with_our_fields_beside_them(http: aiohttp.ClientSession) -> None:
    status, quote = await get(http, "/v1/quote", **asked(slippageBps="100"))
    assert status == 200
    assert quote["inputMint"] == SOL
    assert quote["inAmount"] == "1000000000"
    assert quote["outputMint"] == USDC
    assert quote["outAmount"] == "140000000"
    assert quote["otherAmountThreshold"] == "138600000"
    assert quote["swapMode"] == "ExactIn"
    assert quote["slippageBps"] == 100
    assert quote["priceImpactPct"] == "0.0002"
    assert quote["platformFee"] is None
    (step,) = quote["routePlan"]
    assert step["percent"] == 100
    assert step["swapInfo"]["label"] == "Raydium CP"
    assert step["swapInfo"]["inAmount"] == "1000000000"
    assert step["swapInfo"]["outAmount"] == "140000000"
    assert quote["contextSlot"] == 101
    assert quote["timeTaken"] >= 0
    assert quote["source"] == "local"
    assert quote["confidence"] > 0.9
    assert quote["decision"] == "execute"
    assert quote["provenance"] == "synthetic"
    assert quote["oraclePrice"] == pytest.approx(140.0)


@pytest.mark.parametrize(
    ("parameters", "status", "code", "words"),
    [
        (asked(amount="0"), 400, "INVALID_ARGUMENT", "amount: must be a whole number of smallest units from 1 to"),
        (asked(amount="-1"), 400, "INVALID_ARGUMENT", "amount: must be a whole number"),
        (asked(amount="1.5"), 400, "INVALID_ARGUMENT", "amount: must be a whole number"),
        (asked(amount="1e9"), 400, "INVALID_ARGUMENT", "amount: must be a whole number"),
        (asked(amount=""), 400, "INVALID_ARGUMENT", "amount: must be a whole number"),
        (asked(amount=str(2**64)), 400, "INVALID_ARGUMENT", "amount: must be a whole number"),
        (asked(amount="9" * 5000), 400, "INVALID_ARGUMENT", "amount: must be a whole number"),
        (asked(slippageBps="10001"), 400, "INVALID_ARGUMENT", "slippageBps"),
        (asked(slippageBps="abc"), 400, "INVALID_ARGUMENT", "slippageBps: must be a whole number of basis points"),
        (asked(maxAccounts="abc"), 400, "INVALID_ARGUMENT", "maxAccounts: must be a whole number of accounts from 18"),
        (asked(autoSlippage="true"), 400, "INVALID_ARGUMENT", "autoSlippage: must be false"),
        (asked(userPublicKey=SOL), 400, "INVALID_ARGUMENT", "userPublicKey: is not a parameter here"),
        (
            asked(platformFeeBps="1", swapMode="ExactOut"),
            400,
            "INVALID_ARGUMENT",
            "platformFeeBps: must be 0 for a wanted output",
        ),
        (asked(dexes="Orca"), 400, "INVALID_ARGUMENT", "dexes: must name DEXes of raydium_amm_v4 (Raydium)"),
        (asked(excludeDexes="Orca"), 400, "INVALID_ARGUMENT", "excludeDexes: must name DEXes of"),
        (asked(inputMint="0OIl"), 400, "INVALID_ARGUMENT", "inputMint: must be base58 of 32 bytes"),
        (asked(outputMint=SOL), 400, "INVALID_ARGUMENT", "outputMint: must differ"),
        (asked(maxHops="4"), 400, "INVALID_ARGUMENT", "maxHops: must be a whole number of swaps from 0 to 3"),
        (asked(maxSplits="4"), 400, "INVALID_ARGUMENT", "maxSplits: must be a whole number of routes from 0 to 3"),
        (
            asked(outputMint=SOL, maxHops="2", onlyDirectRoutes="true"),
            400,
            "INVALID_ARGUMENT",
            "outputMint: must differ",
        ),
        (
            asked(maxSplits="2", swapMode="ExactOut"),
            400,
            "INVALID_ARGUMENT",
            "maxSplits: must be 1 for a wanted output",
        ),
        (asked(outputMint=UNKNOWN), 404, "NOT_FOUND", "outputMint: Vote1111"),
        (asked(outputMint=SSOL), 422, "FAILED_PRECONDITION", "no pool"),
        ({}, 400, "INVALID_ARGUMENT", "inputMint: is required"),
    ],
)
async def test_wrong_request_gets_its_status_and_names_the_field(
    http: aiohttp.ClientSession, parameters: dict[str, str], status: int, code: str, words: str
) -> None:
    got, error = await get(http, "/v1/quote", **parameters)
    assert got == status
    assert set(error) == {"error", "errorCode"}
    assert error["errorCode"] == code
    assert words in error["error"]


@pytest.mark.parametrize("path", ["/quote", "/v1/quote", "/swap/v1/quote", "/v6/quote"])
async def test_a_quote_is_where_jupiters_clients_look_for_it(http: aiohttp.ClientSession, path: str) -> None:
    parameters = asked(
        restrictIntermediateTokens="true", maxAccounts="64", instructionVersion="V1", onlyDirectRoutes="true"
    )
    status, quote = await get(http, path, **parameters)
    assert (status, quote["outAmount"]) == (200, "140000000")


async def test_exact_out_is_answered_with_what_it_costs_at_most(http: aiohttp.ClientSession) -> None:
    status, quote = await get(http, "/v1/quote", **asked(swapMode="ExactOut", amount="140000000", slippageBps="100"))
    assert (status, quote["swapMode"], quote["source"]) == (200, "ExactOut", "local")
    assert (quote["inAmount"], quote["outAmount"]) == ("1000000000", "140000000")
    assert quote["otherAmountThreshold"] == "1010000000"


async def test_a_platform_fee_is_told_and_taken_off_what_is_held_and_what_is_asked_for(
    http: aiohttp.ClientSession,
) -> None:
    for amount, left, fee in ((ONE_SOL, "139580000", "420000"), (7 * ONE_SOL - 1, "977060000", "2939999")):
        _, quote = await get(http, "/v1/quote", **asked(amount=str(amount), platformFeeBps="30"))
        assert (quote["outAmount"], quote["platformFee"]) == (left, {"amount": fee, "feeBps": 30})
        _, quote = await get(http, "/v1/quote", **asked(amount=str(amount)))
        assert (quote["outAmount"], quote["platformFee"]) == (str(int(left) + int(fee)), None)


async def test_dexes_may_be_one_text_or_several(http: aiohttp.ClientSession) -> None:
    several = [*asked().items(), ("dexes", "Whirlpool"), ("dexes", "raydium_cpmm,Pump.fun Amm")]
    async with http.get("/v1/quote", params=several) as answer:
        assert answer.status == 200
    async with http.get("/v1/quote", params=[*several, ("amount", "5")]) as answer:
        assert (answer.status, (await answer.json())["error"]) == (400, "amount: is given more than once")


async def test_what_is_asked_for_again_is_answered_again_and_as_of_then(http: aiohttp.ClientSession) -> None:
    wanted = [asked(), asked(slippageBps="100"), asked(outputMint=UNKNOWN)]
    body = {"quotes": wanted}
    for _ in range(2):
        singles = [await get(http, "/v1/quote", **one) for one in wanted]
        async with http.post("/v1/quote/batch", json=body) as answer:
            batch = (await answer.json())["quotes"]
        assert [status for status, _ in singles] == [200, 200, 404]
        assert [quote["otherAmountThreshold"] for _, quote in singles[:2]] == ["139300000", "138600000"]
        assert list(map(lasting, batch)) == [lasting(quote) for _, quote in singles]


def lasting(quote: dict[str, Any]) -> dict[str, Any]:
    """Without what is of the moment."""
    moving = {"timeTaken", "confidence", "confidenceFactors", "ageMs", "contextSlot"}
    return {name: value for name, value in quote.items() if name not in moving}


async def test_jupiters_labels_of_our_programs(http: aiohttp.ClientSession) -> None:
    for path in ("/program-id-to-label", "/swap/v1/program-id-to-label", "/v6/program-id-to-label"):
        status, labels = await get(http, path)
        assert (status, labels["whirLbMiicVdio4qvUfM5KAg6Ct8VwpYzGff3uctyCc"]) == (200, "Whirlpool")


async def test_tokens_are_where_clients_of_jupiters_three_token_apis_look(http: aiohttp.ClientSession) -> None:
    mints = [token.mint for token in TOKENS]
    lsts = [token.mint for token in TOKENS if token.category == "lst"]
    for path in ("/tokens", "/v1/tokens", "/tokens?tags=verified", "/tokens/v1/all"):
        _, tokens = await get(http, path)
        assert [token["address"] for token in tokens] == mints
    for path in ("/tokens?tags=lst", "/tokens/v1/tagged/lst", "/tokens/v1/tagged/community,lst"):
        _, tokens = await get(http, path)
        assert [token["address"] for token in tokens] == lsts
    for path in ("/v6/tokens", "/tokens/v1/mints/tradable"):
        assert (await get(http, path))[1] == mints
    for path in (f"/token/{USDC}", f"/tokens/v1/token/{USDC}"):
        _, token = await get(http, path)
        assert (token["symbol"], token["decimals"], token["tags"]) == ("USDC", 6, ["verified"])
    for path, symbols in (("search?query=jitos", ["JitoSOL"]), (f"search?query={USDC},{SOL}", ["SOL", "USDC"])):
        _, tokens = await get(http, f"/tokens/v2/{path}")
        assert [token["symbol"] for token in tokens] == symbols
    _, tokens = await get(http, "/tokens/v2/tag?query=lst")
    assert [token["id"] for token in tokens] == lsts


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        (f"/token/{UNKNOWN}", 404, "mint: Vote1111"),
        ("/tokens/v1/token/0OIl", 400, "mint: must be base58 of 32 bytes"),
        ("/tokens?tag=lst", 400, "tag: is not a parameter here"),
        ("/tokens?tags=lst&tags=verified", 400, "tags: is given more than once"),
        ("/tokens/v2/tag?query=pump", 400, "query: must be verified or lst, got 'pump'"),
        ("/tokens/v2/tag", 400, "query: is required"),
        ("/tokens/v2/search?query=a%20b", 400, "query: must be at most 4499 letters and digits"),
        (f"/tokens/v2/search?query={'a' * 4500}", 400, "query: must be at most 4499 letters and digits"),
    ],
)
async def test_a_wrong_question_about_tokens_names_its_field(
    http: aiohttp.ClientSession, path: str, status: int, words: str
) -> None:
    got, error = await get(http, path)
    assert (got, words in error["error"]) == (status, True)


async def test_swagger_ui_is_served_from_here_with_a_policy_and_nothing_of_it_can_be_chosen(
    http: aiohttp.ClientSession,
) -> None:
    for path in ("/swagger", "/swagger/start.js", "/swagger/swagger-ui.css", "/swagger/swagger-ui-bundle.js"):
        async with http.get(path) as answer:
            assert (answer.status, bool(await answer.read())) == (200, True)
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'; script-src 'self';" in policy
            assert "http" not in policy
            assert "unsafe" not in policy
    assert (await get(http, "/swagger/swagger-ui.js"))[0] == 404


@pytest.mark.parametrize("path", ["/swap", "/swap-instructions", "/swap/v1/swap", "/v6/swap-instructions"])
async def test_a_swap_is_not_offered_and_says_where_to_read(http: aiohttp.ClientSession, path: str) -> None:
    async with http.post(path, json={"userPublicKey": SOL, "quoteResponse": {}}) as answer:
        assert answer.status == 501
        refused = await answer.json()
    assert refused["errorCode"] == "UNIMPLEMENTED"
    assert refused["docs"] in refused["error"]


async def test_batch_answers_each_by_itself_and_in_order(http: aiohttp.ClientSession) -> None:
    wanted = [asked(), asked(outputMint=UNKNOWN), asked() | {"amount": 2 * ONE_SOL}, "no object", asked(amount="-3")]
    async with http.post("/v1/quote/batch", json={"quotes": wanted}) as answer:
        assert answer.status == 200
        first, second, third, fourth, fifth = (await answer.json())["quotes"]
    assert first["outAmount"] == "140000000"
    assert second["errorCode"] == "NOT_FOUND"
    assert third["outAmount"] == "280000000"
    assert fourth["errorCode"] == fifth["errorCode"] == "INVALID_ARGUMENT"


async def test_batch_keeps_its_order_whether_quotes_are_held_or_asked_for(http: aiohttp.ClientSession) -> None:
    amounts = [1_234_567, ONE_SOL, 7_654_321, 2 * ONE_SOL]
    async with http.post(
        "/v1/quote/batch", json={"quotes": [asked(amount=str(amount)) for amount in amounts]}
    ) as answer:
        quotes = (await answer.json())["quotes"]
    assert [quote["inAmount"] for quote in quotes] == list(map(str, amounts))


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{not json", 400, "body: is not JSON"),
        (b"", 400, "body: is not JSON"),
        (b"[]", 400, "body:"),
        (b'{"quotes": []}', 400, "quotes:"),
        (b'{"quotes": [' + b",".join([b"{}"] * 101) + b"]}", 400, "quotes:"),
        (b'{"quotes": [{}], "other": 1}', 400, "other:"),
        (b" " * 70_000, 413, "/v1/quote/batch"),
    ],
)
async def test_wrong_batch_is_refused_as_a_whole(
    http: aiohttp.ClientSession, body: bytes, status: int, words: str
) -> None:
    async with http.post("/v1/quote/batch", data=body) as answer:
        assert answer.status == status
        assert words in (await answer.json())["error"]


async def test_pools_are_listed_all_or_by_mint(http: aiohttp.ClientSession) -> None:
    status, everything = await get(http, "/v1/pools")
    assert status == 200
    assert len(everything["pools"]) == 2
    assert everything["pools"][0]["provenance"] == "synthetic"
    _, of_usdc = await get(http, f"/v1/pools/{USDC}")
    assert len(of_usdc["pools"]) == 2
    _, of_ssol = await get(http, f"/v1/pools/{SSOL}")
    assert of_ssol["pools"] == []
    assert (await get(http, f"/v1/pools/{UNKNOWN}"))[0] == 404
    assert (await get(http, "/v1/pools/0OIl"))[0] == 400


async def test_unknown_path_and_method_are_refused_as_json(http: aiohttp.ClientSession) -> None:
    assert (await get(http, "/v2/quote"))[0] == 404
    async with http.post("/v1/quote") as answer:
        assert answer.status == 405
        assert set(answer.headers["Allow"].split(",")) == {"GET", "HEAD"}
        assert (await answer.json())["errorCode"] == "UNIMPLEMENTED"


async def test_health_and_metrics_tell_of_both_services(http: aiohttp.ClientSession) -> None:
    status, report = await get(http, "/v1/health")
    assert status in {200, 503}
    assert report["isServing"] == (status == 200)
    async with http.get("/metrics") as answer:
        text = await answer.text()
    assert "# TYPE solquote_aggregator_rows gauge" in text
    assert 'solquote_aggregator_source_up{source="external"}' in text
    assert "solquote_aggregator_pool_update_to_shm_seconds_count" in text


async def test_every_path_of_the_openapi_document_is_served_and_nothing_else(http: aiohttp.ClientSession) -> None:
    _, document = await get(http, "/openapi.json")
    for path, methods in document["paths"].items():
        for method in ("get", "post", "put", "delete"):
            async with http.request(method, path.replace("{mint}", USDC).replace("{tag}", "lst")) as answer:
                assert (answer.status == 405) == (method not in methods), (method, path, answer.status)


async def test_answers_have_exactly_the_fields_the_openapi_document_names(http: aiohttp.ClientSession) -> None:
    _, document = await get(http, "/openapi.json")
    schemas = document["components"]["schemas"]
    for path, parameters, schema in (
        ("/v1/quote", asked(), "QuoteAnswer"),
        ("/v1/quote", {}, "ErrorAnswer"),
        ("/v1/pools", {}, "PoolsAnswer"),
        ("/v1/health", {}, "HealthAnswer"),
        ("/v1/quote", asked(platformFeeBps="30"), "QuoteAnswer"),
        (f"/token/{USDC}", {}, "TokenAnswer"),
    ):
        _, answer = await get(http, path, **parameters)
        assert_fits(answer, {"$ref": f"#/components/schemas/{schema}"}, schemas)


def assert_fits(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """The part of JSON Schema the document uses: references, unions, objects, arrays, plain types."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in schema:
        kinds = {int: "integer", float: "number", str: "string", type(None): "null", list: "array", dict: "object"}
        plain = next((one for one in schema["anyOf"] if one.get("type") == kinds[type(value)]), None)
        schema = plain or next(one for one in schema["anyOf"] if "$ref" in one)
        return assert_fits(value, schema, schemas)
    if schema.get("type") == "object" and "properties" in schema:
        assert set(value) == set(schema["properties"])
        for name, part in value.items():
            assert_fits(part, schema["properties"][name], schemas)
    elif schema.get("type") == "array":
        for part in value:
            assert_fits(part, schema["items"], schemas)
    elif "type" in schema:
        python_type = {
            "string": str,
            "integer": int,
            "number": (int, float),
            "boolean": bool,
            "null": type(None),
            "object": dict,
        }[schema["type"]]
        assert isinstance(value, python_type), (value, schema)
    return None
