"""What is told to Jupiter's clients is what the API does with their parameters."""

import re

from aggregator.openapi import openapi_document
from solquote.coming_from_jupiter import PARAMETERS

FIELDS = openapi_document("")["components"]["schemas"]["QuoteParameters"]["properties"]
PUBLISHED = [
    "inputMint",
    "outputMint",
    "amount",
    "slippageBps",
    "swapMode",
    "dexes",
    "excludeDexes",
    "restrictIntermediateTokens",
    "onlyDirectRoutes",
    "asLegacyTransaction",
    "platformFeeBps",
    "maxAccounts",
    "instructionVersion",
    "dynamicSlippage",
    "forJitoBundle",
]
"""Jupiter's own list: jup-ag/docs, openapi-spec/swap/v1/swap.yaml."""


def told() -> list[tuple[str, str]]:
    return [(name, here) for names, here, _ in PARAMETERS for name in re.findall(r"\w+", names)]


def test_every_parameter_is_told_once_and_every_published_one_is_there() -> None:
    assert sorted(name for name, _ in told()) == sorted(FIELDS)
    assert set(PUBLISHED) <= set(FIELDS)


def test_those_that_are_refused_but_for_one_value_are_told_so() -> None:
    bound = {name for name, schema in FIELDS.items() if "const" in schema}
    assert {name for name, here in told() if here == "refused but for `false`"} == bound
