import pytest
from pydantic import ValidationError

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


def test_broken_parameters_become_one_sentence() -> None:
    with pytest.raises(ValidationError) as error:
        QuoteParameters.model_validate({"inputMint": "a", "outputMint": "b", "amount": "x"})
    refusal = refusal_of(error.value)
    assert refusal.code == "INVALID_ARGUMENT"
    assert refusal.message == "amount: must be a whole number in the token's smallest unit, digits only"
