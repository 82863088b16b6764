"""The equity curve as SVG, which is text, so that no library is needed to draw it."""

from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from solquote.equity_chart import HEIGHT, LEFT, RIGHT, WIDTH, EquityChart, Place

__all__ = ["equity_svg"]

_STYLE: Final = """
text { font: 13px system-ui, sans-serif; fill: #444 }
.title { font-size: 16px; fill: #111 }
.grid { stroke: #ddd }
.zero { stroke: #888 }
.band { fill: #2563eb; fill-opacity: 0.2 }
.curve { fill: none; stroke: #2563eb; stroke-width: 1.5; stroke-linejoin: round }
"""


def equity_svg(chart: EquityChart) -> bytes:
    """The file's content."""
    title = escape(chart.title)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{title}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text class="title" x="{LEFT}" y="28">{title}</text>',
        *_axes(chart),
        *_curve(chart),
        "</svg>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _axes(chart: EquityChart) -> Iterator[str]:
    for line in chart.grid:
        kind = "zero" if line.is_zero else "grid"
        yield f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{line.y:.1f}" y2="{line.y:.1f}"/>'
    for label in chart.labels:
        yield f'<text text-anchor="{label.anchor}" x="{label.x:.1f}" y="{label.y:.1f}">{label.text}</text>'


def _curve(chart: EquityChart) -> Iterator[str]:
    if chart.upper:
        yield f'<polygon class="band" points="{_places([*chart.upper, *reversed(chart.lower)])}"/>'
    if chart.curve:
        yield f'<polyline class="curve" points="{_places(chart.curve)}"/>'


def _places(places: Sequence[Place]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
