"""Names that look like settings of ours and are none: ignored in silence, they would never do what was meant.

A process knows the models of its own settings only, and must not take its neighbour's for mistakes. So all names are
listed in `data/settings.json`, made of the models by `make generate`; a test holds it current. Standard library
only: `solquote kill` tells of them, too.
"""

import functools
import json
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

__all__ = ["CONFIG_VARIABLE", "PREFIX", "listed_settings", "unknown_names", "unknown_sections", "unknown_variables"]

PREFIX: Final = "SOLQUOTE_"
CONFIG_VARIABLE: Final = PREFIX + "CONFIG"
_BUILD_VARIABLE: Final = PREFIX + "BUILD"
"""Read by setup.py, not by a process."""


@functools.cache
def listed_settings() -> tuple[Mapping[str, Any], ...]:
    """Every setting there is: section, field, variable, aliases, default and description."""
    text = (resources.files("quote_core") / "data" / "settings.json").read_text(encoding="utf-8")
    return tuple(json.loads(text))


def unknown_variables(environ: Mapping[str, str], also: Iterable[str] = ()) -> list[str]:
    """A sentence for each variable with our prefix that sets nothing; `also` are known beside those listed."""
    listed = (name for row in listed_settings() for name in (row["variable"], *row["aliases"]))
    known = [*filter(_is_ours, listed), *also, CONFIG_VARIABLE, _BUILD_VARIABLE]
    return unknown_names(filter(_is_ours, environ), known)


def _is_ours(name: str) -> bool:
    return name.startswith(PREFIX)


def unknown_sections(environ: Mapping[str, str], also: Iterable[str] = ()) -> list[str]:
    """A sentence for each section of the settings file that nobody reads; a file that is none is told elsewhere."""
    path = environ.get(CONFIG_VARIABLE)
    if not path:
        return []
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    sections = dict.fromkeys(row["section"] for row in listed_settings())
    known = [f"[{section}]" for section in (*sections, *also)]
    return [f"{path} {sentence}" for sentence in unknown_names((f"[{name}]" for name in content), known)]


def unknown_names(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """One sentence for every name that is not known."""
    known = list(known)
    return [f"{name}: no such setting{_hint(name, known)}" for name in names if name not in known]


def _hint(name: str, known: list[str]) -> str:
    import difflib  # noqa: PLC0415  # for a mistake only

    # What all begin with makes none of them near.
    nearness = {one.removeprefix(PREFIX): one for one in known if one.startswith(PREFIX) == name.startswith(PREFIX)}
    near = difflib.get_close_matches(name.removeprefix(PREFIX), nearness, n=1)
    return f"; did you mean {nearness[near[0]]}?" if near else ""
