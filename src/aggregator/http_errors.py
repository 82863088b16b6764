"""The one place where a canonical code becomes an HTTP status, and a broken request a sentence."""

from http import HTTPStatus
from typing import Final

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from aggregator.held import Refusal
from quote_core.errors import RequestError, SolquoteError

__all__ = ["http_status", "refusal_of"]

_STATUSES: Final = {
    "INVALID_ARGUMENT": HTTPStatus.BAD_REQUEST,
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
    "FAILED_PRECONDITION": HTTPStatus.UNPROCESSABLE_ENTITY,
    "RESOURCE_EXHAUSTED": HTTPStatus.TOO_MANY_REQUESTS,
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "DEADLINE_EXCEEDED": HTTPStatus.GATEWAY_TIMEOUT,
    "DATA_LOSS": HTTPStatus.BAD_GATEWAY,
    "UNIMPLEMENTED": HTTPStatus.NOT_IMPLEMENTED,
}
_HTTP_NAMES: Final = {"input_amount": "amount", "output_amount": "amount"}
_OWN_RULES: Final = {"missing": "is required", "extra_forbidden": "is not a parameter here"}


_FIELD_CHARACTERS_MAX: Final = 64


def http_status(code: str) -> HTTPStatus:
    """The status of a canonical gRPC code; what has no better one is our own fault."""
    return _STATUSES.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)


def refusal_of(error: SolquoteError | ValidationError) -> Refusal:
    """An error as code and sentence, its field under the name it has in HTTP."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(map(str, first["loc"])) or "body"
        rule = _OWN_RULES.get(first["type"]) or _sentence(str(first["msg"]))
        return Refusal("INVALID_ARGUMENT", f"{field[:_FIELD_CHARACTERS_MAX]}: {rule}")
    message = str(error)
    field, colon, rule = message.partition(": ")
    if isinstance(error, RequestError):
        field = _HTTP_NAMES.get(field) or to_camel(field)
    return Refusal(error.code, f"{field}{colon}{rule}")


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should", "should")
