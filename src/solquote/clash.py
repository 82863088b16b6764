"""What to type when something is in the way of `solquote up`: a port that is held, a data folder that is in use."""

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from quote_core.running.data_folder import running_platform
from solquote.plan import Plan
from solquote.supervisor.ports import PortTaken, in_words, taken_ports, to_end

__all__ = ["clash_of", "folder_clash", "port_clash"]

_SECOND: Final = 2


def clash_of(plan: Plan) -> str:
    """Who holds which port that the platform needs, and the lines that lead out; empty when all are free."""
    taken = taken_ports((one.host, one.port, one.owner) for one in plan.listeners)
    return port_clash(taken, plan.data_dir) if taken else ""


def port_clash(taken: Iterable[PortTaken], data_dir: Path) -> str:
    """Who holds which port, and the lines that lead out."""
    taken = list(taken)
    pids = sorted({to_end(one.holder) for one in taken if one.holder is not None})
    return "\n".join(
        [in_words(taken), *_ways_out(pids, data_dir), "or set other ports: docs/settings.md names them all"]
    )


def folder_clash(sentence: str, pid: int | None, data_dir: Path) -> str:
    """Who uses the data folder, and the lines that lead out."""
    return "\n".join([sentence, *_ways_out([] if pid is None else [pid], data_dir)])


def _ways_out(pids: Iterable[int], data_dir: Path) -> list[str]:
    end = " ".join(map(str, pids))
    beside = "solquote up --free-ports"
    if running_platform(data_dir) is not None:
        beside += f" --data-dir {shlex.quote(str(_free_beside(data_dir)))}"
    return ([f"to end what is in the way, type: kill {end}"] if end else []) + [f"to run beside it, type: {beside}"]


def _free_beside(data_dir: Path) -> Path:
    """The next folder of the same name that no platform uses."""
    number = _SECOND
    while running_platform(folder := data_dir.with_name(f"{data_dir.name}-{number}")) is not None:
        number += 1
    return folder
