"""Draw the charts of docs/performance.md from what benchmarks print: `python docs/charts.py [shm.json dex.json ...]`.

A file `NAME.json` is the output of `benchmarks/NAME.py --json`; it is kept in docs/charts, and without arguments the
charts are drawn anew from what is kept there. A bar is a figure, the mark its reference of the same run; both are on a
logarithmic scale, since they span six decades.
"""

import html
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("charts")
WIDTH, LABEL, ROW, TOP = 820, 330, 26, 44
PLOT = WIDTH - LABEL - 90
STYLE = """svg{font:13px system-ui,sans-serif;color:#24292f;background:#fff}
rect{fill:#3b6fb5}line{stroke:#b3261e;stroke-width:2}text{fill:currentColor}
@media(prefers-color-scheme:dark){svg{color:#e4e4e8;background:#17171a}rect{fill:#7aa7e0}line{stroke:#ff8a80}}"""


@dataclass(frozen=True)
class Bar:
    """A figure and its reference, in one unit."""

    label: str
    value: float
    unit: str
    reference: float | None = None


def of_shm(told: list[Mapping[str, Any]]) -> Iterator[Bar]:
    """Nanoseconds, beside what stands beside each in the benchmark."""
    for one in told:
        if one["ns"] > 0:
            yield Bar(one["what"], one["ns"], "ns", one["ns"] / one["ratio"] if one["ratio"] else None)


def of_dex(told: list[Mapping[str, Any]]) -> Iterator[Bar]:
    """Ladders of 40 amounts both ways, beside the readable twin."""
    for one in told:
        yield Bar(one["dex_label"], one["both_ways_us"], "us", one["twin_both_ways_us"])


def of_aggregator(told: list[Mapping[str, Any]]) -> Iterator[Bar]:
    """Those in milliseconds."""
    for one in told:
        if one["unit"] == "ms" and one["value"] > 0:
            yield Bar(one["name"], one["value"], "ms", one["reference"] or None)


def of_scale(told: Mapping[str, float]) -> Iterator[Bar]:
    """A swap priced and encoded, by how much is held; the ladders of its pool alone are the least it could take."""
    for name, value in told.items():
        if name.startswith("beside_"):
            pools, _, rows = name.removeprefix("beside_").removesuffix("_rows_us").partition("_pools_")
            yield Bar(f"{int(pools):,} pools, {int(rows):,} rows", value, "us", told["ladders_mean_us"])


READERS: dict[str, tuple[str, Callable[[Any], Iterator[Bar]]]] = {
    "shm": ("Shared memory", of_shm),
    "dex": ("A ladder of 40 amounts, both ways", of_dex),
    "aggregator": ("Aggregator", of_aggregator),
    "scale": ("A swap, from account bytes to the message", of_scale),
}


def told(figure: float) -> str:
    """Three digits, and all those before the point."""
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def chart(title: str, bars: list[Bar]) -> str:
    """One SVG."""
    figures = [each for bar in bars for each in (bar.value, bar.reference) if each]
    low, high = math.floor(math.log10(min(figures))), math.ceil(math.log10(max(figures)))

    def across(figure: float) -> float:
        return (math.log10(figure) - low) / (high - low) * PLOT

    height = TOP + ROW * len(bars) + 30
    unit = bars[0].unit
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"><style>{STYLE}</style>',
        f'<text x="8" y="24" font-size="16">{html.escape(title)}, {unit}, logarithmic; mark = reference</text>',
    ]
    for row, bar in enumerate(bars):
        top = TOP + row * ROW
        parts.append(f'<text x="{LABEL - 8}" y="{top + 16}" text-anchor="end">{html.escape(bar.label)}</text>')
        parts.append(f'<rect x="{LABEL}" y="{top + 4}" width="{max(2, across(bar.value)):.1f}" height="{ROW - 10}"/>')
        end = across(bar.value)
        if bar.reference:
            mark = LABEL + across(bar.reference)
            parts.append(f'<line x1="{mark:.1f}" x2="{mark:.1f}" y1="{top + 1}" y2="{top + ROW - 3}"/>')
            end = max(end, across(bar.reference))
        parts.append(f'<text x="{LABEL + end + 8:.1f}" y="{top + 16}">{told(bar.value)}</text>')
    for decade in range(low, high + 1):
        at = LABEL + (decade - low) / (high - low) * PLOT
        parts.append(f'<text x="{at:.1f}" y="{height - 8}" text-anchor="middle">{told(10.0**decade)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Keep what is given, draw all that is kept."""
    for given in map(Path, sys.argv[1:]):
        if given.stem not in READERS:
            sys.exit(f"{given}: there are charts of {', '.join(READERS)}")
        told = json.loads(given.read_text())
        (FOLDER / given.name).write_text(json.dumps(told, indent=1) + "\n")
    for name, (title, bars_of) in READERS.items():
        kept = FOLDER / f"{name}.json"
        if kept.exists():
            (FOLDER / f"{name}.svg").write_text(chart(title, list(bars_of(json.loads(kept.read_text())))))


if __name__ == "__main__":
    main()
