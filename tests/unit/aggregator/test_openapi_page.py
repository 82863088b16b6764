"""The page a browser shows for the API: all of the document, and nothing from anywhere else."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis.strategies import from_regex

from aggregator.http_models import MINT_PATTERN
from aggregator.openapi import JUPITER_PREFIXES, SWAP_PAGE, openapi_document
from aggregator.openapi_page import PAGE_POLICY, openapi_page
from aggregator.swagger.server import SWAGGER_PATH
from quote_core.tokens import checked_mint, load_tokens

DOCUMENT = openapi_document("1.2.3")
PAGE = openapi_page(DOCUMENT)


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids.add(str(named.get("id")))
        self.targets += [str(named["href"])] if "href" in named else []
        if tag in {"script", "link", "img", "iframe", "object", "embed", "base"} or "src" in named:
            self.loaded.append(tag)


@pytest.fixture(scope="module")
def links() -> Links:
    links = Links()
    links.feed(PAGE)
    return links


def test_nothing_is_loaded_from_outside(links: Links) -> None:
    assert links.loaded == []
    assert not re.search(r"https?://|@import|url\(", PAGE)
    assert PAGE_POLICY.startswith("default-src 'none'")


def test_every_link_leads_somewhere_on_this_server(links: Links) -> None:
    assert {target for target in links.targets if not target.startswith("#")} == {"/openapi.json", SWAGGER_PATH}
    assert {target[1:] for target in links.targets if target.startswith("#")} <= links.ids
    assert SWAP_PAGE.partition("#")[2] in links.ids


def test_every_path_parameter_and_field_is_on_it() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            assert f"<h2>{method.upper()} {path}</h2>" in PAGE
            for parameter in operation.get("parameters", ()):
                assert f"<code>{parameter['name']}" in PAGE
    for schema in DOCUMENT["components"]["schemas"].values():
        for field in schema.get("properties", ()):
            assert f"<code>{field}</code>" in PAGE


@given(from_regex(MINT_PATTERN.replace("$", r"\Z")))
def test_whatever_fits_the_pattern_of_a_mint_is_a_key_of_32_bytes(text: str) -> None:
    assert checked_mint(text, field="mint") == text


def test_bounds_and_patterns_of_the_parameters_are_real() -> None:
    for prefix in JUPITER_PREFIXES:
        parameters = DOCUMENT["paths"][f"{prefix}/quote"]["get"]["parameters"]
        schemas = {parameter["name"]: parameter["schema"] for parameter in parameters}
        assert (schemas["amount"]["minimum"], schemas["amount"]["maximum"]) == (1, 2**64 - 1)
        assert (schemas["slippageBps"]["minimum"], schemas["slippageBps"]["maximum"]) == (0, 10_000)
        assert (schemas["maxAccounts"]["minimum"], schemas["maxAccounts"]["default"]) == (18, 64)
        assert schemas["dynamicSlippage"]["const"] is False
        mint = re.compile(schemas["inputMint"]["pattern"])
        assert mint.search("So11111111111111111111111111111111111111112")
        assert not mint.search("0OIl" * 10)
        assert all(mint.search(token.mint) for token in load_tokens())
        dexes = re.compile(schemas["dexes"]["pattern"])
        for fits in ("", "Whirlpool", "raydium_clmm,Pump.fun Amm"):
            assert dexes.search(fits)
        for breaks in ("Orca", "Whirlpool,", "PumpXfun Amm"):
            assert not dexes.search(breaks)
        assert schemas["dexes"]["default"] == ""
