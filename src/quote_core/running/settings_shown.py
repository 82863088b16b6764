"""The settings of a running platform as they are, for whoever looks at it: `settings.json` in the data folder.

The supervisor knows every process's settings and writes them down once, at its start; a service knows its own. What may
be a secret is not in there: values of secret settings, and all of a URL but its scheme, host and port.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from quote_core.addresses import redacted_url
from quote_core.settings import ServiceSettings, environment_name, given_values, written

__all__ = ["SETTINGS_NAME", "SettingShown", "read_settings", "settings_content", "shown_settings"]

SETTINGS_NAME: Final = "settings.json"
"""The file, in the data folder."""
_SIZE_BYTES_MAX: Final = 1024 * 1024
_MASK: Final = "(secret, set)"
_URL_MARK: Final = "://"
_OPTION: Final = re.compile(r"weight=\d{1,3}|roles=(read|subscribe|send)(,(read|subscribe|send))*")
_WS_OPTION: Final = "ws="


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingShown:
    """One setting: what it is now, and since whom."""

    section: str
    field: str
    variable: str
    value: str
    """As one would write it, masked; empty when it is not set and has no default."""
    origin: str
    """What sets it: a variable, a section of the file, `solquote up`; empty for the default."""
    description: str


def shown_settings(
    models: Iterable[type[ServiceSettings]], environ: Mapping[str, str], *, own: Mapping[str, str] | None = None
) -> Iterator[SettingShown]:
    """Every setting of `models`.

    Args:
        models: In the order in which they are shown.
        environ: What the processes are given.
        own: What of it the operator set; the rest is told by `solquote up`. Unset = all.
    """
    own = environ if own is None else own
    for model in models:
        given = given_values(model, environ=environ)
        for field, info in model.model_fields.items():
            origin = given[field].origin if field in given else ""
            yield SettingShown(
                section=model.section,
                field=field,
                variable=environment_name(model.section, field),
                value=_masked(info, given[field].value) if field in given else written(info.default),
                origin="solquote up" if origin in environ and origin not in own else origin,
                description=info.description or "",
            )


def settings_content(settings: Iterable[SettingShown]) -> bytes:
    """The file's content."""
    return json.dumps([asdict(setting) for setting in settings]).encode()


def read_settings(folder: Path) -> tuple[SettingShown, ...]:
    """What the platform's supervisor wrote; nothing when there is no such file, or it is damaged."""
    try:
        with (folder / SETTINGS_NAME).open("rb") as file:
            return tuple(SettingShown(**each) for each in json.loads(file.read(_SIZE_BYTES_MAX)))
    except (OSError, ValueError, TypeError):
        return ()


def _masked(info: FieldInfo, value: Any) -> str:
    if _is_secret(info.annotation):
        return _MASK if value else ""
    text = written(value)
    if _URL_MARK not in text:
        return text
    texts = map(str, value) if isinstance(value, list | tuple) else text.split()
    return " ".join(map(_masked_text, texts))


def _masked_text(text: str) -> str:
    """URLs with commas between them, or an endpoint with its options (`quote_core.rpc_addresses`)."""
    return "|".join(map(_masked_part, text.split("|")))


def _masked_part(text: str) -> str:
    if _OPTION.fullmatch(text):
        return text
    if text.startswith(_WS_OPTION):
        return _WS_OPTION + _masked_url(text.removeprefix(_WS_OPTION))
    return ",".join(map(_masked_url, text.split(",")))


def _masked_url(text: str) -> str:
    try:
        shown = redacted_url(text.strip())
    except ValueError:  # a port that is none
        return "(not a URL)"
    return shown if shown == text.strip() else f"{shown}/..."


def _is_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(map(_is_secret, get_args(annotation)))
