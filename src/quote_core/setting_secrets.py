"""What of the settings may be a secret, as text to look for in whatever is about to be shown."""

import contextlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from quote_core.settings import ServiceSettings, SettingsError
from quote_core.telemetry.logs import hide

__all__ = ["parts_of_secret", "read_password", "secrets_in"]

_SEGMENT_CHARS_MIN: Final = 12
"""A shorter segment of a path names something, such as `v1` or `traces`; keys are longer."""
_DATABASES: Final = ("postgresql", "redis", "rediss", "sqlite")
"""The names of their users and databases are no keys, and stand in other sentences too."""
_NEXT_URL: Final = re.compile(r",(?=[a-z]+://)")
_URLS: Final = re.compile(r"[A-Za-z]+://[^\s|]+")
"""Those of an endpoint, whose parts are divided by `|` (`quote_core.rpc_addresses`)."""
_HEADERS: Final = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")


def secrets_in(*settings: ServiceSettings, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Secret settings, what providers put keys into (user, password, query and path of a URL), and OTLP's headers.

    Of a database's URL it is password and query.
    """
    for model in settings:
        for field in type(model).model_fields:
            value = getattr(model, field)
            if isinstance(value, SecretStr):
                yield from parts_of_secret(value.get_secret_value())
            elif isinstance(value, str) and "://" in value:
                for url in _NEXT_URL.split(value):
                    yield from _of_url(url)
            elif isinstance(value, tuple):
                for text in map(str, value):
                    for url in _URLS.findall(text):
                        yield from _of_url(url)
    for name in _HEADERS:
        for pair in environ.get(name, "").split(","):
            value = pair.partition("=")[2].strip()
            yield from (value, unquote(value), *unquote(value).split())


def parts_of_secret(secret: str) -> Iterator[str]:
    """A secret, and what of it is one by itself where it is a URL."""
    yield secret
    if "://" in secret:
        with contextlib.suppress(ValueError):  # one that is no URL after all is refused by who needs one
            yield from _of_url(secret)


def read_password(path: Path, *, variable: str) -> str:
    """The password in the file that `variable` names; no log line shows it from then on.

    Raises:
        SettingsError: Everybody may read it, or we cannot.
    """
    try:
        if path.stat().st_mode & stat.S_IRWXO:
            raise SettingsError([f"{variable}: {path} may be read by everybody; chmod o= it"])
        password = path.read_text().rstrip("\r\n")
    except OSError as error:
        raise SettingsError([f"{variable}: {path}: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{variable}: {path} is no text"]) from None
    hide([password])
    return password


def _of_url(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    is_database = parts.scheme in _DATABASES
    written = [None if is_database else parts.username, parts.password, *(value for _, value in parse_qsl(parts.query))]
    for one in written:
        if one:
            yield from (one, unquote(one))
    if not is_database:
        yield from (segment for segment in parts.path.split("/") if len(segment) >= _SEGMENT_CHARS_MIN)
