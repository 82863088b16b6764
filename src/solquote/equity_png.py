"""The equity curve as PNG: all in it are upright rectangles and letters of dots, so that no library is needed either.

The format: W3C, *Portable Network Graphics (PNG) Specification (Third Edition)*, 2025; here 8 bits a pixel, which name
a colour of the palette, and no filter.
"""

import math
import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Literal

from solquote.dot_letters import GLYPH_WIDTH, LINE_ROW, glyph
from solquote.equity_chart import HEIGHT, LEFT, RIGHT, WIDTH, EquityChart, Label, Place

__all__ = ["SCALE", "equity_png"]

SCALE: Final = 2
"""Pixels a unit of the chart."""

_PALETTE: Final = ("ffffff", "444444", "111111", "dddddd", "888888", "d3e0fb", "2563eb")
_WHITE, _TEXT, _TITLE, _GRID, _ZERO, _BAND, _CURVE = range(len(_PALETTE))
"""The band's colour is the curve's at a fifth, on white."""

_LABEL_DOT: Final = 2
_TITLE_DOT: Final = 3
"""Pixels a dot of a letter."""
_CURVE_PIXELS: Final = 3


def equity_png(chart: EquityChart) -> bytes:
    """The file's content."""
    canvas = _Canvas(WIDTH * SCALE, HEIGHT * SCALE)
    _draw_band(canvas, chart.upper, chart.lower)
    for line in chart.grid:
        canvas.fill(
            LEFT * SCALE, round(line.y * SCALE), (WIDTH - RIGHT) * SCALE, None, _ZERO if line.is_zero else _GRID
        )
    _draw_title(canvas, chart.title)
    for label in chart.labels:
        _draw_label(canvas, label)
    _draw_curve(canvas, chart.curve)
    return canvas.png()


class _Canvas:
    """Pixels; what is drawn outside of them is not there."""

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._rows = [bytearray(width) for _ in range(height)]

    def fill(self, left: int, top: int, right: int, bottom: int | None, colour: int) -> None:
        """Paint from left and top to before right and bottom; one row without a bottom."""
        left, right = max(left, 0), min(right, self._width)
        for row in self._rows[max(top, 0) : max(top + 1 if bottom is None else bottom, 0)]:
            row[left:right] = bytes([colour]) * max(right - left, 0)

    def write(self, text: str, left: int, line: int, *, dot: int, colour: int) -> None:
        """Write from `left` on, standing on `line`."""
        for character in text:
            for number, row in enumerate(glyph(character), -LINE_ROW):
                for column, mark in enumerate(row):
                    if mark == "#":
                        x, y = left + column * dot, line + number * dot
                        self.fill(x, y, x + dot, y + dot, colour)
            left += (GLYPH_WIDTH + 1) * dot

    def png(self) -> bytes:
        """The file's content."""
        header = struct.pack(">IIBBBBB", self._width, len(self._rows), 8, 3, 0, 0, 0)
        pixels = b"".join(b"\0" + row for row in self._rows)
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            (
                _chunk(b"IHDR", header),
                _chunk(b"PLTE", bytes.fromhex("".join(_PALETTE))),
                _chunk(b"IDAT", zlib.compress(pixels, 9)),
                _chunk(b"IEND", b""),
            )
        )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _draw_band(canvas: _Canvas, upper: Sequence[Place], lower: Sequence[Place]) -> None:
    """Column by column, since its edges slope."""
    for ((x_0, top_0), (x_1, top_1)), ((_, bottom_0), (_, bottom_1)) in zip(
        pairwise(upper), pairwise(lower), strict=True
    ):
        first, last = round(x_0 * SCALE), round(x_1 * SCALE)
        for x in range(first, last):
            share = (x - first) / (last - first)
            top, bottom = top_0 + (top_1 - top_0) * share, bottom_0 + (bottom_1 - bottom_0) * share
            canvas.fill(x, math.floor(top * SCALE), x + 1, math.ceil(bottom * SCALE), _BAND)


def _draw_curve(canvas: _Canvas, places: Sequence[Place]) -> None:
    half = _CURVE_PIXELS // 2
    for one, other in pairwise(places):
        (left, right), (top, bottom) = (
            sorted((round(one[axis] * SCALE), round(other[axis] * SCALE))) for axis in (0, 1)
        )
        canvas.fill(left - half, top - half, right + half + 1, bottom + half + 1, _CURVE)


def _draw_title(canvas: _Canvas, title: str) -> None:
    room = (WIDTH - LEFT - RIGHT) * SCALE
    dot = _TITLE_DOT if _text_pixels(title, _TITLE_DOT) <= room else _LABEL_DOT
    shown = title[: room // ((GLYPH_WIDTH + 1) * dot)]
    canvas.write(shown, LEFT * SCALE, 28 * SCALE, dot=dot, colour=_TITLE)


def _draw_label(canvas: _Canvas, label: Label) -> None:
    shares: dict[Literal["start", "middle", "end"], float] = {"start": 0.0, "middle": 0.5, "end": 1.0}
    left = round(label.x * SCALE - shares[label.anchor] * _text_pixels(label.text, _LABEL_DOT))
    canvas.write(label.text, left, round(label.y * SCALE), dot=_LABEL_DOT, colour=_TEXT)


def _text_pixels(text: str, dot: int) -> int:
    return len(text) * (GLYPH_WIDTH + 1) * dot
