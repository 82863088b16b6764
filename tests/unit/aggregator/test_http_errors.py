import pytest
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from aggregator.held import Refusal
from aggregator.http_errors import http_status, refusal_of
from aggregator.http_models import QuoteParameters
from quote_core.errors import InvalidField, NoLiquidity, UnknownToken


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INVALID_ARGUMENT", 400),
        ("NOT_FOUND", 404),
        ("FAILED_PRECONDITION", 422),
        ("RESOURCE_EXHAUSTED", 429),
        ("DATA_LOSS", 502),
        ("UNAVAILABLE", 503),
        ("DEADLINE_EXCEEDED", 504),
        ("INTERNAL", 500),
        ("SOMETHING_NEW", 500),
    ],
)
def test_every_code_has_its_status(code: str, status: int) -> None:
    assert http_status(code) == status


def test_fields_have_the_names_they_have_in_http() -> None:
    assert refusal_of(InvalidField("input_amount", "must be above zero")) == Refusal(
        "INVALID_ARGUMENT", "amount: must be above zero"
    )
    assert refusal_of(UnknownToken("output_mint", "abc")).message.startswith("outputMint: abc")
    assert refusal_of(NoLiquidity("SOL/USDC", "no pool")).message == "SOL/USDC: no pool"


@pytest.mark.parametrize(
    ("name", "given", "rule"),
    [
        (
            "amount",
            "x",
            "must be a whole number of smallest units from 1 to 18446744073709551615, digits only, got 'x'",
        ),
        (
            "amount",
            1.5,
            "must be a whole number of smallest units from 1 to 18446744073709551615, digits only, got 1.5",
        ),
        (
            "amount",
            True,
            "must be a whole number of smallest units from 1 to 18446744073709551615, digits only, got True",
        ),
        ("slippageBps", "abc", "must be a whole number of basis points from 0 to 10000, digits only, got 'abc'"),
        ("slippageBps", 10001, "must be a whole number of basis points from 0 to 10000, digits only, got 10001"),
        ("swapMode", "Exact", "must be ExactIn or ExactOut, got 'Exact'"),
        ("dexes", 7, "must be labels of DEXes, separated by commas, got 7"),
        ("onlyDirectRoutes", "yes", "must be true or false, got 'yes'"),
        ("restrictIntermediateTokens", "1", "must be true or false, got '1'"),
        ("asLegacyTransaction", "", "must be true or false, got ''"),
        ("instructionVersion", "V3", "must be V1 or V2, got 'V3'"),
        ("platformFeeBps", "-1", "must be a whole number of basis points from 0 to 10000, digits only, got '-1'"),
        (
            "maxAccounts",
            "17",
            "must be a whole number of accounts from 18 to 18446744073709551615, digits only, got '17'",
        ),
        ("forJitoBundle", "1", "must be true or false, got '1'"),
        ("autoSlippage", "true", "must be false, got 'true': slippage is the caller's"),
        ("minimizeSlippage", True, "must be false, got True: slippage is the caller's"),
        ("preferLiquidDexes", "true", "must be false, got 'true': dexes names those that are wanted"),
        ("dynamicSlippage", "true", "must be false, got 'true': slippage is the caller's"),
        ("inputMint", 7, "should be a valid string"),
        ("maxAutoSlippageBps", "300", "is not a parameter here"),
        ("x" * 100, "true", "is not a parameter here"),
    ],
)
def test_a_broken_parameter_is_named_with_its_own_rule(name: str, given: object, rule: str) -> None:
    with pytest.raises(ValidationError) as error:
        QuoteParameters.model_validate({"inputMint": "a", "outputMint": "b", "amount": "1", name: given})
    assert refusal_of(error.value) == Refusal("INVALID_ARGUMENT", f"{name[:64]}: {rule}")


def test_a_missing_parameter_is_required() -> None:
    with pytest.raises(ValidationError) as error:
        QuoteParameters.model_validate({"outputMint": "b", "amount": "1"})
    assert refusal_of(error.value).message == "inputMint: is required"


def test_what_changes_nothing_is_taken() -> None:
    given = {"platformFeeBps": "0", "maxAccounts": "64", "dynamicSlippage": "false", "dexes": "", "swapMode": "ExactIn"}
    asked = QuoteParameters.model_validate({"inputMint": "a", "outputMint": "b", "amount": "1", **given})
    assert asked == QuoteParameters(input_mint="a", output_mint="b", amount=1)
    same = {"platformFeeBps": 0, "maxAccounts": 64, "dynamicSlippage": False, "dexes": [], "onlyDirectRoutes": False}
    assert QuoteParameters.model_validate({"inputMint": "a", "outputMint": "b", "amount": 1, **same}) == asked


@pytest.mark.parametrize("nothing", [None, []])
@pytest.mark.parametrize(
    "name", [name for name in QuoteParameters.model_fields if name not in {"input_mint", "output_mint", "amount"}]
)
def test_what_a_client_writes_where_it_asks_for_nothing_is_left_out(name: str, nothing: object) -> None:
    asked = QuoteParameters.model_validate(
        {"inputMint": "a", "outputMint": "b", "amount": 1, to_camel(name): nothing, "maxAccounts": 0}
    )
    assert asked == QuoteParameters(input_mint="a", output_mint="b", amount=1)


@pytest.mark.parametrize("name", ["inputMint", "outputMint", "amount"])
def test_what_must_be_asked_for_is_missing_when_it_is_null(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        QuoteParameters.model_validate({"inputMint": "a", "outputMint": "b", "amount": 1} | {name: None})


def test_a_slippage_of_0_in_a_batch_is_one_that_was_asked_for() -> None:
    asked = QuoteParameters.model_validate({"inputMint": "a", "outputMint": "b", "amount": 1, "slippageBps": 0})
    assert asked.slippage_bps == 0
