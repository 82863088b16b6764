"""Every setting's value in the form in which it may be shown, and who set it; secrets and keys in URLs stay hidden."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from quote_core.addresses import redacted_url
from quote_core.settings import ServiceSettings, environment_name, given_values
from solquote.settings_reference import written

__all__ = ["SettingValue", "values_of"]

_DEFAULT: Final = "default"
_TOLD: Final = "the platform that runs"
_HIDDEN: Final = "(secret)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingValue:
    """One setting as it is in force."""

    section: str
    field: str
    variable: str
    """What would set it."""
    shown: str
    """As it would be written; empty when it has none."""
    origin: str
    """A variable, a section of the file, the platform that runs, or the default."""

    @property
    def is_default(self) -> bool:
        """Whether nobody set it."""
        return self.origin == _DEFAULT


def values_of(
    settings: ServiceSettings, environ: Mapping[str, str], *, own: Mapping[str, str]
) -> Iterator[SettingValue]:
    """Every setting of one section, those that are set first.

    Args:
        settings: Read from `environ`.
        environ: What they were read from.
        own: What of it the operator set; the rest is told by the platform that runs.
    """
    model = type(settings)
    given = given_values(model, environ=environ)
    for field in sorted(model.model_fields, key=lambda field: field not in given):
        origin, value = _DEFAULT, model.model_fields[field].default
        if field in given:
            origin, value = given[field].origin, given[field].value
        yield SettingValue(
            section=model.section,
            field=field,
            variable=environment_name(model.section, field),
            shown=_shown(value, is_secret=isinstance(getattr(settings, field), SecretStr)),
            origin=_TOLD if origin in environ and origin not in own else origin,
        )


def _shown(value: object, *, is_secret: bool) -> str:
    text = written(value)
    if is_secret:
        return _HIDDEN if text else ""
    return ",".join(redacted_url(part) if "://" in part else part for part in text.split(","))
