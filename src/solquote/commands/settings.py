"""`solquote settings`: every setting there is, with its variable, default and meaning."""

import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import zip_longest
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from solquote.commands.options import Json, Wide
from solquote.output import answer_json, is_wide, make_console
from solquote.settings_reference import SettingReference, reference, reference_markdown

__all__ = ["settings"]

_DEFAULT_WIDTH: Final = 24
_INDENT: Final = "    "


def settings(
    *,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="As the page docs/settings.md")] = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """List every setting: variable, default, meaning."""
    listed = reference()
    if as_json:
        answer_json({"settings": [asdict(setting) for setting in listed]})
    elif as_markdown:
        sys.stdout.write(reference_markdown(listed))
    else:
        console = make_console(wide=wide)
        lines = _columns(listed, console) if is_wide(console) else _paragraphs(listed, console)
        # One text whose lines fit already: a table of so many rows takes Rich longer than all the rest.
        console.print(Text("\n").join(lines), soft_wrap=True)


def _columns(listed: Sequence[SettingReference], console: Console) -> Iterator[Text]:
    """Variable, default and meaning beside each other."""
    variable_width = max(len(setting.variable) for setting in listed)
    meaning_width = console.width - variable_width - _DEFAULT_WIDTH - 2
    yield Text(f"{'variable':{variable_width}} {'default':{_DEFAULT_WIDTH}} meaning", style="bold")
    for setting in listed:
        defaults = _folded(setting.default, _DEFAULT_WIDTH)
        meanings = textwrap.wrap(setting.description, meaning_width)
        for cells in zip_longest([setting.variable], defaults, meanings, fillvalue=""):
            yield Text(f"{cells[0]:{variable_width}} {cells[1]:{_DEFAULT_WIDTH}} {cells[2]}".rstrip())


def _paragraphs(listed: Sequence[SettingReference], console: Console) -> Iterator[Text]:
    """Variable and default on one line, the meaning below."""
    for setting in listed:
        head = f"{setting.variable} = {setting.default}" if setting.default else setting.variable
        first, *others = _folded(head, console.width)
        yield Text.assemble((first[: len(setting.variable)], "bold"), first[len(setting.variable) :])
        yield from map(Text, others)
        meaning = textwrap.wrap(setting.description, console.width, initial_indent=_INDENT, subsequent_indent=_INDENT)
        yield from map(Text, meaning)


def _folded(text: str, width: int) -> list[str]:
    return [text[start : start + width] for start in range(0, len(text), width)]
