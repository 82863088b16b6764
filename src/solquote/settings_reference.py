"""The reference of all settings: what `solquote settings` and `init` print, and docs/settings.md.

Read from the list in `quote_core/data/settings.json`, which `setting_models` makes of the models: who only wants to
read what there is does not wait for a dozen models to be built.
"""

import json
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from quote_core.setting_names import CONFIG_VARIABLE, listed_settings

__all__ = ["SettingReference", "listing", "reference", "reference_markdown", "reference_toml"]

_INTRODUCTION: Final = f"""# Settings

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
    """As an environment variable would have it; empty when unset."""
    toml: str
    """The default as the file would have it; empty when unset, which a file cannot say."""
    description: str


def reference() -> list[SettingReference]:
    """Every setting, in the order in which they are listed."""
    return [SettingReference(**{**row, "aliases": tuple(row["aliases"])}) for row in listed_settings()]


def listing(settings: Iterable[SettingReference]) -> str:
    """The list as `quote_core/data/settings.json` has it: a setting a line, so that a change of one is one line."""
    names = SettingReference.__slots__
    rows = [json.dumps({name: getattr(setting, name) for name in names}, ensure_ascii=False) for setting in settings]
    return "[\n" + ",\n".join(rows) + "\n]\n"


def reference_markdown(settings: Iterable[SettingReference]) -> str:
    """The page."""
    lines = [_INTRODUCTION]
    for section, of_section in groupby(settings, lambda setting: setting.section):
        lines += [f"## [{section}]", "", "| field | variable | default | meaning |", "|---|---|---|---|"]
        for setting in of_section:
            variables = ", ".join(f"`{name}`" for name in (setting.variable, *setting.aliases))
            default = f"`{setting.default}`" if setting.default else "unset"
            meaning = setting.description.replace("|", "\\|")
            lines.append(f"| {setting.field} | {variables} | {default} | {meaning} |")
        lines.append("")
    return "\n".join(lines)


_TOML_INTRODUCTION: Final = f"""\
## Settings of solquote, every one with its default. What is behind a single # counts once that # is gone and
## {CONFIG_VARIABLE} names this file; an environment variable, named in docs/settings.md, wins over it.
"""
_UNSET: Final = '"..."'
"""Stands for the value of a setting that has none."""
_COMMENT_WIDTH: Final = 110


def reference_toml(settings: Iterable[SettingReference]) -> str:
    """A settings file that changes nothing: taking one # from a line sets it, to what it is anyway."""
    lines = [_TOML_INTRODUCTION]
    for section, of_section in groupby(settings, lambda setting: setting.section):
        lines.append(f"[{section}]")
        for setting in of_section:
            meaning = setting.description if setting.toml else f"{setting.description} (not set)"
            lines += textwrap.wrap(meaning, _COMMENT_WIDTH, initial_indent="## ", subsequent_indent="## ")
            lines.append(f"#{setting.field} = {setting.toml or _UNSET}")
        lines.append("")
    return "\n".join(lines)
