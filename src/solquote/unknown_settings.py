"""Names that look like settings of ours and are none: ignored in silence, they would never do what was meant."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from quote_core.settings import (
    CONFIG_VARIABLE,
    PREFIX,
    PlatformSettings,
    ServiceSettings,
    environment_names,
    unknown_names,
)

__all__ = ["unknown_sections", "unknown_variables"]

_BUILD_VARIABLE: Final = PREFIX + "BUILD"
"""Read by setup.py, not by a service."""


def unknown_variables(environ: Mapping[str, str], models: Iterable[type[ServiceSettings]]) -> list[str]:
    """A sentence for each variable of ours that no model reads; the models tell those that begin like their section."""
    models = list(models)
    known = {CONFIG_VARIABLE, _BUILD_VARIABLE, *(name for model in models for name in environment_names(model))}
    sections = tuple(f"{PREFIX}{model.section.upper()}_" for model in models if model is not PlatformSettings)
    return unknown_names((name for name in environ if name.startswith(PREFIX) and not name.startswith(sections)), known)


def unknown_sections(environ: Mapping[str, str], models: Iterable[type[ServiceSettings]]) -> list[str]:
    """A sentence for each section of the settings file that no model has; a file that cannot be read is told by all."""
    path = environ.get(CONFIG_VARIABLE)
    if not path:
        return []
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [f"{path} {mistake}" for mistake in unknown_names(content, [model.section for model in models])]
