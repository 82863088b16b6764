"""What a campaign found, for people: a table of all figures, and the one of what clients see for the documentation."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from hostile.campaign import Campaign
from hostile.checker import Tally
from hostile.memory import MIB

from quote_core.units import NS_PER_S

__all__ = ["client_table", "figures_table", "load_tallies", "save_tallies"]

_HEAD: Final = (
    f"{'fault':44} {'checked':>8} {'fresh':>7} {'stale':>7} {'refused':>7} {'WRONG':>6} {'DEAD':>5} {'AGE':>6}"
    f" {'TOLD':>5} {'LATE':>5} {'younger s':>9} {'dead s':>6} {'clock s':>7} {'fresh %':>7} {'back s':>7}"
    f" {'MiB':>6} {'+MiB':>5}"
)


def figures_table(campaign: Campaign) -> str:
    """One line a fault, then what memory did, and examples of broken promises."""
    lines = [_HEAD]
    for name, tally in campaign.tallies.items():
        grown_bytes = tally.resident_bytes_max - campaign.memory.warm_bytes if tally.resident_bytes_max else 0
        lines.append(
            f"{name:44} {tally.checked_count:8} {tally.fresh_count:7} {tally.stale_count:7} {tally.refused_count:7}"
            f" {tally.wrong_fresh_count:6} {tally.dead_count:5} {tally.age_violation_count:6}"
            f" {tally.understated_count:5} {tally.fresh_beyond_limit_count:5}"
            f" {tally.younger_by_ns_max / NS_PER_S:9.3f} {tally.dead_by_ns_max / NS_PER_S:6.3f}"
            f" {tally.clock_lag_s_max:7} {_percent(tally.asked_fresh_count, tally):7.1f} {tally.recovery_s_max:7.2f}"
            f" {tally.resident_bytes_max / MIB:6.1f} {grown_bytes / MIB:5.1f}"
        )
    memory = campaign.memory
    measures = (
        ("before the first fault", [memory.warm_bytes]),
        ("first round", memory.first_round),
        ("later", memory.later),
    )
    lines += [f"most MiB {when}: {max(sizes) / MIB:.1f}" for when, sizes in measures if sizes]
    for name, tally in campaign.tallies.items():
        lines += [f"{name}: {example}" for example in tally.examples]
        lines += [f"{name}: never fresh again: {', '.join(tally.unrecovered)}"] if tally.unrecovered else []
        if tally.forks_unnoticed_count:
            lines.append(f"{name}: {tally.forks_unnoticed_count} forks were never noticed")
    return "\n".join(lines)


def save_tallies(campaign: Campaign, path: Path) -> None:
    """Keep what was found by fault, for `client_table`."""
    path.write_text(json.dumps({name: asdict(tally) for name, tally in campaign.tallies.items()}))


def load_tallies(path: Path) -> Mapping[str, Tally]:
    """What `save_tallies` kept."""
    kept: dict[str, dict[str, Any]] = json.loads(path.read_text())
    return {name: Tally(**figures) for name, figures in kept.items()}


def client_table(one: Mapping[str, Tally], two: Mapping[str, Tally]) -> str:
    """What clients saw of each fault with one node and with a second, as Markdown: of what they asked for while it
    lasted, how much was fresh, marked stale, refused; seconds until all was fresh again; the service's memory after."""
    lines = [
        "| fault | one node: fresh, stale, refused | back after | with a second | back after | memory, MiB |",
        "|-------|--------------------------------|------------|---------------|------------|-------------|",
    ]
    for name, tally in one.items():
        if not tally.asked_count or not tally.resident_bytes_max:
            continue
        other = two.get(name, Tally())
        sizes = f"{tally.resident_bytes_max / MIB:.0f}, {other.resident_bytes_max / MIB:.0f}"
        cells = [name, _shares(tally), f"{tally.recovery_s_max:.1f} s", _shares(other), f"{other.recovery_s_max:.1f} s"]
        lines.append(f"| {' | '.join([*cells, sizes])} |")
    return "\n".join(lines)


def _shares(tally: Tally) -> str:
    refused_count = tally.asked_count - tally.asked_fresh_count - tally.asked_stale_count
    counts = tally.asked_fresh_count, tally.asked_stale_count, refused_count
    return ", ".join(f"{_percent(count, tally):.0f} %" for count in counts)


def _percent(count: int, tally: Tally) -> float:
    return 100 * count / tally.asked_count if tally.asked_count else 0.0
