"""Every settings model there is: of the platform, of `up`, of each process, and of what several processes share.

`python -m solquote.setting_models` lists all their settings, for `quote_core/data/settings.json`.
"""

import importlib
import json
import sys
from collections.abc import Iterable
from enum import Enum
from typing import Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from pipeline.history.settings import HistorySettings
from pipeline.settings import CostSettings, PipelineSettings
from quote_core.settings import PlatformSettings, ServiceSettings, environment_name, environment_names, written
from solquote.processes import SERVICES, Service
from solquote.settings import UpSettings
from solquote.settings_reference import SettingReference, listing

__all__ = ["SHARED_SETTINGS", "all_models", "reference_of", "settings_model"]

SHARED_SETTINGS: Final[tuple[type[ServiceSettings], ...]] = (PipelineSettings, CostSettings, HistorySettings)
"""Sections of no process of their own: several read them."""


def settings_model(service: Service) -> type[ServiceSettings]:
    """The settings of `service`: the one model of its section in its package's `settings` module."""
    module = importlib.import_module(f"{service.module}.settings")
    models = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings) and value is not ServiceSettings
    ]
    (model,) = (model for model in models if model.section == service.name)
    return model


def all_models() -> tuple[type[ServiceSettings], ...]:
    """Every settings model there is."""
    return (PlatformSettings, UpSettings, *map(settings_model, SERVICES), *SHARED_SETTINGS)


def reference_of(models: Iterable[type[ServiceSettings]]) -> list[SettingReference]:
    """Every setting of `models`, in their order."""
    return [_one(model, field, info) for model in models for field, info in model.model_fields.items()]


def _one(model: type[ServiceSettings], field: str, info: FieldInfo) -> SettingReference:
    variable = environment_name(model.section, field)
    names = [name for name, of_field in environment_names(model).items() if of_field == field and name != variable]
    is_unset = info.default is None or isinstance(info.default, SecretStr)
    return SettingReference(
        section=model.section,
        field=field,
        variable=variable,
        aliases=tuple(name for name in names if name.isupper()),
        default=written(info.default),
        toml="" if is_unset else _toml(info.default),
        description=info.description or "",
    )


def _toml(default: object) -> str:
    match default:
        case bool() | int() | float():
            return json.dumps(default)
        case Enum():
            return _toml(default.value)
        case tuple() | list() | frozenset():
            return f"[{', '.join(map(_toml, default))}]"
        case _:
            return json.dumps(str(default))


if __name__ == "__main__":
    sys.stdout.write(listing(reference_of(all_models())))
