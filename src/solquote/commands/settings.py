"""`solquote settings`: every setting there is, with its variable, default and meaning."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from solquote.commands.options import Json
from solquote.output import answer_json, make_console
from solquote.processes import all_models
from solquote.settings_reference import reference, reference_markdown

__all__ = ["settings"]


def settings(
    *,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="As the page docs/settings.md")] = False,
    as_json: Json = False,
) -> None:
    """List every setting: variable, default, meaning."""
    models = all_models()
    if as_json:
        answer_json({"settings": [asdict(setting) for setting in reference(models)]})
    elif as_markdown:
        sys.stdout.write(reference_markdown(models))
    else:
        table = Table(box=None, pad_edge=False)
        table.add_column("variable", no_wrap=True)
        table.add_column("default", overflow="fold", max_width=24)
        table.add_column("meaning")
        for setting in reference(models):
            table.add_row(setting.variable, setting.default, setting.description)
        make_console().print(table)
