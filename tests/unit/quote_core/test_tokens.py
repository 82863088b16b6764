import json
from pathlib import Path

import pytest

from quote_core.errors import InvalidField, UnknownToken
from quote_core.tokens import load_tokens

SOL = "So11111111111111111111111111111111111111112"
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
WITHOUT_RATE = {"sSOL", "mpSOL", "BGSOL"}


def registry_file(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "tokens.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def token(symbol: str, mint: str, **changes: object) -> dict[str, object]:
    return {"symbol": symbol, "mint": mint, "decimals": 9, "category": "lst", "oracle": None} | changes


def switchboard(account: str) -> dict[str, str]:
    return {"kind": "switchboard", "account": account}


PYTH = {"kind": "pyth", "account": "7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE", "feed_id": "AB" * 32}


def test_a_token_has_the_oracles_it_is_registered_with_the_preferred_one_first(tmp_path: Path):
    entries = [
        token("A", SOL, oracle=PYTH, further_oracles=[switchboard(USDC)]),
        token("B", USDC, further_oracles=[switchboard(USDC)], pyth_feed_id="0x" + "cd" * 32),
        token("C", str(PYTH["account"])),
    ]
    first, second, third = load_tokens(registry_file(tmp_path, {"tokens": entries, "pairs": []}))
    assert [one.kind for one in first.oracles] == ["pyth", "switchboard"]
    assert (first.oracle, first.pyth_feed_id) == (first.oracles[0], "ab" * 32)
    assert ([one.account for one in second.oracles], second.oracle) == ([USDC], None)
    assert second.pyth_feed_id == "cd" * 32
    assert (third.oracles, third.pyth_feed_id) == ((), None)


def test_the_packaged_registry_watches_sol_against_usdc_and_fourteen_staking_tokens():
    registry = load_tokens()
    assert len(registry.pairs) == 15
    assert all(pair.base.mint == SOL for pair in registry.pairs)
    assert [pair.quote.symbol for pair in registry.pairs if pair.quote.category != "lst"] == ["USDC"]
    assert {item.symbol for item in registry if item.oracle is None} == WITHOUT_RATE


def test_a_symbol_in_any_case_and_a_mint_find_the_same_token():
    registry = load_tokens()
    assert registry.resolve("usdc", field="x") is registry.resolve(USDC, field="x")


@pytest.mark.parametrize(
    "name",
    [
        "WSOL",
        "wsol",
        "So11111111111111111111111111111111111111112",
        "So11111111111111111111111111111111111111111",
        "11111111111111111111111111111111",
    ],
)
def test_sol_is_found_by_the_names_that_wallets_give_it(name: str):
    registry = load_tokens()
    assert registry.resolve(name, field="x") is registry.resolve("SOL", field="x")


@pytest.mark.parametrize("address", ["So11111111111111111111111111111111111111111", "11111111111111111111111111111111"])
def test_an_api_that_takes_mints_names_the_one_that_native_sol_has(address: str):
    with pytest.raises(UnknownToken, match=r"did you mean So11111111111111111111111111111111111111112\?"):
        load_tokens().by_mint(address, field="inputMint")


def test_a_pair_is_checked_field_by_field():
    registry = load_tokens()
    assert [item.symbol for item in registry.pair(SOL, USDC)] == ["SOL", "USDC"]
    with pytest.raises(InvalidField, match="input_mint: must be base58"):
        registry.pair("0OIl", USDC)
    with pytest.raises(UnknownToken, match="output_mint: 1111"):
        registry.pair(SOL, "11111111111111111111111111111111")
    with pytest.raises(InvalidField, match="output_mint: must differ"):
        registry.pair(SOL, SOL)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ({"tokens": []}, "pairs"),
        ({"tokens": [token("A", SOL, decimals=99)], "pairs": []}, "tokens.0.decimals"),
        ({"tokens": [token("A", "bad")], "pairs": []}, "tokens.A.mint: must be base58"),
        ({"tokens": [token("A", SOL), token("a", USDC)], "pairs": []}, "tokens.a: is registered twice"),
        ({"tokens": [token("A", SOL), token("B", SOL)], "pairs": []}, "tokens.B: is registered twice"),
        ({"tokens": [token("A", SOL)], "pairs": [{"base": "A", "quote": "A"}]}, "pairs A with itself"),
        ({"tokens": [token("A", SOL)], "pairs": [{"base": "A", "quote": "C"}]}, "C is not in the token registry"),
        (
            {
                "tokens": [token("A", SOL), token("B", USDC)],
                "pairs": [{"base": "A", "quote": "B"}, {"base": "B", "quote": "A"}],
            },
            "listed twice",
        ),
        ({"tokens": [token("A", SOL, colour="red")], "pairs": []}, "tokens.0.colour"),
        (
            {"tokens": [token("A", SOL, further_oracles=[switchboard("bad")])], "pairs": []},
            "A.further_oracles.0.account",
        ),
        ({"tokens": [token("A", SOL, further_oracles=[switchboard(USDC)] * 2)], "pairs": []}, "names an account twice"),
        (
            {"tokens": [token("A", SOL, oracle=PYTH, further_oracles=[switchboard(PYTH["account"])])], "pairs": []},
            "A.further_oracles: names an account twice",
        ),
        ({"tokens": [token("A", SOL, pyth_feed_id="ab" * 31)], "pairs": []}, "A.pyth_feed_id: must be 64 hexadecimal"),
        (
            {"tokens": [token("A", SOL, oracle=PYTH | {"feed_id": "xy" * 32})], "pairs": []},
            "A.oracle.feed_id: must be 64",
        ),
        ({"tokens": [token("A", SOL, further_oracles=[{"kind": "chainlink"}])], "pairs": []}, "further_oracles.0.kind"),
    ],
)
def test_a_wrong_registry_is_refused_naming_entry_and_rule(tmp_path: Path, content: object, message: str):
    with pytest.raises((InvalidField, UnknownToken), match=message):
        load_tokens(registry_file(tmp_path, content))


def test_a_missing_registry_file_is_a_sentence_not_a_traceback(tmp_path: Path):
    with pytest.raises(InvalidField, match=r"tokens_path: .*absent\.json: No such file"):
        load_tokens(tmp_path / "absent.json")


def test_a_disabled_pair_is_not_watched(tmp_path: Path):
    content = {
        "tokens": [token("A", SOL), token("B", USDC)],
        "pairs": [{"base": "A", "quote": "B", "enabled": False}],
    }
    assert load_tokens(registry_file(tmp_path, content)).pairs == ()
