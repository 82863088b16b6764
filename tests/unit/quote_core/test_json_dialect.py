"""Names become camelCase wherever they are, data stays, and errors have the quote API's shape."""

import json

import pytest
from pydantic.alias_generators import to_camel

from aggregator.http_models import ErrorAnswer
from quote_core.json_dialect import Verbatim, camel_case, error_answer, json_text


@pytest.mark.parametrize("name", ["input_amount", "p50_ns", "age_ms", "fee_fraction_a_to_b", "error", "time_2_x"])
def test_a_name_becomes_what_the_models_of_the_quote_api_make_of_it(name: str) -> None:
    assert camel_case(name) == to_camel(name)


@pytest.mark.parametrize("data", ["empty call", "SOL_USDC", "quotes-internal.mmap", "_private", "already_Mixed", ""])
def test_a_key_that_is_data_stays(data: str) -> None:
    assert camel_case(data) == data


def test_names_are_spoken_at_every_depth_and_values_are_not_touched() -> None:
    told = json.loads(json_text({"a_b": [{"c_d": "e_f"}, ({"g_h": None},)], "file": Verbatim({"amount_in": "1"})}))
    assert told == {"aB": [{"cD": "e_f"}, [{"gH": None}]], "file": {"amount_in": "1"}}


def test_an_error_has_the_shape_of_the_quote_api() -> None:
    model = ErrorAnswer(error="a sentence", error_code="NOT_FOUND")
    assert error_answer("a sentence", "NOT_FOUND") == json.loads(model.model_dump_json(by_alias=True))
