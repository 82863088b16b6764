"""What schemathesis is told beside the OpenAPI document: rules between fields, which no parameter's schema can say."""

from typing import Any, Final

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

BETWEEN_FIELDS: Final = (
    "outputMint: must differ from inputMint",
    "maxSplits: must be 1 for a wanted output",
    "platformFeeBps: must be 0 for a wanted output",
    "excludeDexes: leaves no DEX to ask",
)


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Whether it is one: each field may be right, and the request wrong."""
    is_between = response.text.removeprefix('{"error":"').startswith(BETWEEN_FIELDS)
    return not (isinstance(failure, RejectedPositiveData) and response.status_code == 400 and is_between)
