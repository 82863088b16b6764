"""The reference of all settings, made from the models themselves: docs/settings.md, and a file to begin from."""

import json
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from quote_core.settings import (
    CONFIG_VARIABLE,
    PREFIX,
    ServiceSettings,
    environment_name,
    environment_names,
    written,
)

__all__ = ["SettingReference", "reference", "reference_markdown", "reference_names", "reference_toml"]

_INTRODUCTION = f"""# Settings

Made by `solquote settings --markdown`; a test holds it current.

A setting is an environment variable, or a line in the TOML file that `{CONFIG_VARIABLE}` names (the field below
`[section]`). The environment wins over the file, the file over the default. Durations carry a unit (`500ms`, `1s`,
`2m`). A variable that is empty or blank is not set; blanks around a value are not part of it. A name that does not
exist is a mistake, and all mistakes are told at once; `solquote doctor` checks them, and says where each value is from.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingReference:
    """One setting."""

    section: str
    field: str
    variable: str
    aliases: tuple[str, ...]
    """Further variables that set it."""
    default: str
    """As it would be written; empty when unset."""
    description: str


def reference(models: Iterable[type[ServiceSettings]]) -> list[SettingReference]:
    """Every setting of `models`, in their order."""
    return [_one(model, field, info) for model in models for field, info in model.model_fields.items()]


def reference_markdown(models: Iterable[type[ServiceSettings]]) -> str:
    """The page."""
    lines = [_INTRODUCTION]
    for model in models:
        lines += [f"## [{model.section}]", "", "| field | variable | default | meaning |", "|---|---|---|---|"]
        for setting in reference([model]):
            variables = ", ".join(f"`{name}`" for name in (setting.variable, *setting.aliases))
            default = f"`{setting.default}`" if setting.default else "unset"
            meaning = setting.description.replace("|", "\\|")
            lines.append(f"| {setting.field} | {variables} | {default} | {meaning} |")
        lines.append("")
    return "\n".join(lines)


def reference_names(models: Iterable[type[ServiceSettings]]) -> str:
    """What is a setting at all, as `quote_core/data/setting_names.json` has it."""
    listed = list(models)
    variables = [name for model in listed for name in environment_names(model) if name.startswith(PREFIX)]
    return json.dumps({"sections": [model.section for model in listed], "variables": variables}, indent=1) + "\n"


_TOML_INTRODUCTION = f"""\
## Settings of solquote, every one with its default. What is behind a single # counts once that # is gone and
## {CONFIG_VARIABLE} names this file; an environment variable, named in docs/settings.md, wins over it.
"""
_UNSET = "..."
"""Stands for the value of a setting that has none, which a file cannot say."""
_COMMENT_WIDTH = 110


def reference_toml(models: Iterable[type[ServiceSettings]]) -> str:
    """A settings file that changes nothing: taking one # from a line sets it, to what it is anyway."""
    lines = [_TOML_INTRODUCTION]
    for model in models:
        lines.append(f"[{model.section}]")
        for field, info in model.model_fields.items():
            unset = info.default is None or isinstance(info.default, SecretStr)
            meaning = f"{info.description} (not set)" if unset else str(info.description)
            lines += textwrap.wrap(meaning, _COMMENT_WIDTH, initial_indent="## ", subsequent_indent="## ")
            lines.append(f"#{field} = {_toml(_UNSET if unset else info.default)}")
        lines.append("")
    return "\n".join(lines)


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


def _one(model: type[ServiceSettings], field: str, info: FieldInfo) -> SettingReference:
    variable = environment_name(model.section, field)
    names = [name for name, of_field in environment_names(model).items() if of_field == field and name != variable]
    return SettingReference(
        section=model.section,
        field=field,
        variable=variable,
        aliases=tuple(name for name in names if name.isupper()),
        default=written(info.default),
        description=info.description or "",
    )
