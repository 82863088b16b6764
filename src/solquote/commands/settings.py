"""`solquote settings`: every setting there is, with its variable, default and meaning."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from solquote.commands.options import Json, Wide
from solquote.output import answer_json, is_wide, make_console
from solquote.setting_models import all_models
from solquote.settings_reference import SettingReference, reference, reference_markdown, reference_names

__all__ = ["settings"]


def settings(
    *,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="As the page docs/settings.md")] = False,
    names: Annotated[bool, typer.Option("--names", hidden=True, help="As quote_core/data/setting_names.json")] = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """List every setting: variable, default, meaning."""
    models = all_models()
    if as_json:
        answer_json({"settings": [asdict(setting) for setting in reference(models)]})
    elif names:
        sys.stdout.write(reference_names(models))
    elif as_markdown:
        sys.stdout.write(reference_markdown(models))
    else:
        _print(reference(models), make_console(wide=wide))


def _print(listed: Sequence[SettingReference], console: Console) -> None:
    """A line a setting; where it would not fit, its meaning goes below its variable."""
    table = Table(box=None, pad_edge=False, show_header=is_wide(console))
    if is_wide(console):
        table.add_column("variable", no_wrap=True)
        table.add_column("default", overflow="fold", max_width=24)
        table.add_column("meaning")
        for setting in listed:
            table.add_row(setting.variable, setting.default, setting.description)
    else:
        table.add_column(overflow="fold")
        for setting in listed:
            table.add_row(Text.assemble((setting.variable, "bold"), f" = {setting.default}" if setting.default else ""))
            table.add_row(Padding(Text(setting.description), (0, 0, 0, 4)))
    console.print(table)
