"""The picture is a PNG of the right size, with curve, band and zero where the chart has them, and with letters."""

import struct
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.auditor.equity import EquityPoint
from solquote.dot_letters import GLYPH_HEIGHT, GLYPH_WIDTH, glyph
from solquote.equity_chart import HEIGHT, LEFT, RIGHT, TOP, WIDTH, EquityChart
from solquote.equity_png import SCALE, equity_png

WHITE, CURVE, BAND, ZERO = (255, 255, 255), (0x25, 0x63, 0xEB), (0xD3, 0xE0, 0xFB), (0x88, 0x88, 0x88)
Picture = list[list[tuple[int, int, int]]]


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    at = 8
    while at < len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        body = content[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", content, at + 8 + size) == (zlib.crc32(kind + body),)
        yield kind, body
        at += 12 + size


def drawn(points: list[EquityPoint], title: str = "profit") -> Picture:
    """Read as any program reads it."""
    found = list(chunks(equity_png(EquityChart.of(points, title=title))))
    assert [kind for kind, _ in found] == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    header, palette, pixels, end = (body for _, body in found)
    width, height, *form = struct.unpack(">IIBBBBB", header)
    assert (width, height, form, end) == (WIDTH * SCALE, HEIGHT * SCALE, [8, 3, 0, 0, 0], b"")
    colours = [tuple(palette[at : at + 3]) for at in range(0, len(palette), 3)]
    rows = zlib.decompress(pixels)
    assert len(rows) == height * (width + 1)
    lines = [rows[at : at + width + 1] for at in range(0, len(rows), width + 1)]
    assert {line[0] for line in lines} == {0}
    return [[colours[index] for index in line[1:]] for line in lines]  # type: ignore[misc]


def at(picture: Picture, x: float, y: float) -> tuple[int, int, int]:
    return picture[round(y * SCALE)][round(x * SCALE)]


def point(second: int, low: int, high: int, profit: int, *, trade_count: int = 1) -> EquityPoint:
    return EquityPoint(second * 10**9, trade_count, low, high, profit)


def test_the_curve_goes_through_all_its_places_in_steps() -> None:
    points = [point(second, profit, profit, profit) for second, profit in enumerate((0, 5, 10))]
    picture = drawn(points)
    chart = EquityChart.of(points, title="")
    assert len(chart.curve) == 5
    assert all(at(picture, *place) == CURVE for place in chart.curve)
    assert at(picture, WIDTH - RIGHT, TOP + 3) == CURVE  # the last step goes up to the corner
    assert at(picture, LEFT + 10, TOP + 10) == WHITE


def test_a_point_of_several_trades_has_a_band_and_zero_its_line() -> None:
    points = [point(0, -50, 90, 40, trade_count=2), point(10, -50, 90, 40, trade_count=2)]
    picture = drawn(points)
    chart = EquityChart.of(points, title="")
    middle = (LEFT + WIDTH - RIGHT) / 2
    assert at(picture, middle, (chart.upper[0][1] + chart.curve[0][1]) / 2 + 1) == BAND
    (zero,) = (line for line in chart.grid if line.is_zero)
    assert at(picture, middle, zero.y) == ZERO


def letters(picture: Picture) -> int:
    """How many pixels of the title's place are not white."""
    return sum(pixel != WHITE for row in picture[: 32 * SCALE] for pixel in row[LEFT * SCALE :])


def test_a_title_is_written_and_one_that_is_too_long_ends_at_the_edge() -> None:
    assert 0 < letters(drawn([], "+1.5 SOL")) < letters(drawn([], "+1.5 SOL over 3 trades, run ä"))
    assert all(row[-RIGHT * SCALE :] == [WHITE] * RIGHT * SCALE for row in drawn([], "W" * 1_000))


@pytest.mark.parametrize("character", "AZaz09.,:+-_/()% §")
def test_every_character_has_rows_of_one_size(character: str) -> None:
    rows = glyph(character)
    assert (len(rows), {len(row) for row in rows}) == (GLYPH_HEIGHT, {GLYPH_WIDTH})
    assert set("".join(rows)) <= {"#", "."}
    assert (character == " ") == ("#" not in "".join(rows))


def test_no_two_characters_look_the_same() -> None:
    drawn_ones = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:+-_/()%"
    assert len({glyph(character) for character in drawn_ones}) == len(drawn_ones)
    assert glyph("§") not in {glyph(character) for character in drawn_ones}


lamports = st.integers(-(10**15), 10**15)


@given(
    st.lists(
        st.builds(
            lambda at, low, high, profit: EquityPoint(at, 2, min(low, high, profit), max(low, high, profit), profit),
            st.integers(0, 2 * 10**18),
            lamports,
            lamports,
            lamports,
        ),
        max_size=20,
    )
)
def test_whatever_the_points_are_the_picture_has_its_size(points: list[EquityPoint]) -> None:
    content = equity_png(EquityChart.of(points, title="any"))
    assert [kind for kind, _ in chunks(content)] == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert len(zlib.decompress(dict(chunks(content))[b"IDAT"])) == HEIGHT * SCALE * (WIDTH * SCALE + 1)
