"""What of the settings may be a secret, as text to look for in whatever is about to be shown."""

import os
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from quote_core.settings import ServiceSettings

__all__ = ["secrets_in"]

_SEGMENT_CHARS_MIN: Final = 12
"""A shorter segment of a path names something, such as `v1` or `traces`; keys are longer."""
_HEADERS: Final = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")


def secrets_in(*settings: ServiceSettings, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Secret settings, what providers put keys into (user, password, query and path of a URL), and OTLP's headers."""
    for model in settings:
        for field in type(model).model_fields:
            value = getattr(model, field)
            if isinstance(value, SecretStr):
                yield value.get_secret_value()
            elif isinstance(value, str) and "://" in value:
                yield from _of_url(value)
    for name in _HEADERS:
        for pair in environ.get(name, "").split(","):
            value = pair.partition("=")[2].strip()
            yield from (value, unquote(value), *unquote(value).split())


def _of_url(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    written = [parts.username, parts.password, *(value for _, value in parse_qsl(parts.query))]
    for one in written:
        if one:
            yield from (one, unquote(one))
    yield from (segment for segment in parts.path.split("/") if len(segment) >= _SEGMENT_CHARS_MIN)
