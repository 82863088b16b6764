"""The picture is XML, has the curve where it belongs, and a zero line."""

import math
import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from pipeline.auditor.equity import EquityPoint
from solquote.equity_chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, EquityChart
from solquote.equity_svg import equity_svg

SVG = "{http://www.w3.org/2000/svg}"


def drawn(points: list[EquityPoint], title: str = "profit") -> ElementTree.Element:
    return ElementTree.fromstring(equity_svg(EquityChart.of(points, title=title)))


def polyline(points: list[EquityPoint]) -> list[tuple[float, float]]:
    found = drawn(points).find(f"{SVG}polyline")
    assert found is not None
    return [(float(x), float(y)) for x, y in re.findall(r"(\S+),(\S+)", found.attrib["points"])]


def test_a_steady_gain_goes_from_corner_to_corner_in_steps() -> None:
    points = [
        EquityPoint(number * 10**9, 1, lamports, lamports, lamports) for number, lamports in enumerate((0, 5, 10))
    ]
    middle_x, middle_y = LEFT + (WIDTH - LEFT - RIGHT) / 2, TOP + (HEIGHT - TOP - BOTTOM) / 2
    assert polyline(points) == [
        (LEFT, HEIGHT - BOTTOM),
        (middle_x, HEIGHT - BOTTOM),
        (middle_x, middle_y),
        (WIDTH - RIGHT, middle_y),
        (WIDTH - RIGHT, TOP),
    ]


def test_text_is_text_whatever_a_run_is_called() -> None:
    told = drawn([], title='<script>&"')
    assert told.findtext(f"{SVG}title") == '<script>&"'
    assert told.find(f"{SVG}polyline") is None


def test_a_point_of_several_trades_has_a_band() -> None:
    picture = drawn([EquityPoint(0, 2, -5, 9, 4), EquityPoint(10**9, 1, 6, 6, 6)])
    assert picture.find(f"{SVG}polygon") is not None


lamports = st.integers(-(10**15), 10**15)
curves = st.lists(
    st.builds(
        lambda at, low, high, profit: EquityPoint(at, 2, min(low, high, profit), max(low, high, profit), profit),
        st.integers(0, 2 * 10**18),
        lamports,
        lamports,
        lamports,
    ),
    min_size=1,
    max_size=30,
)


@given(curves)
def test_all_of_it_is_inside_the_axes_with_zero_and_not_too_many_ticks(points: list[EquityPoint]) -> None:
    picture = drawn(points)
    for x, y in polyline(points):
        assert math.isclose(x, min(max(x, LEFT), WIDTH - RIGHT), abs_tol=0.1)
        assert math.isclose(y, min(max(y, TOP), HEIGHT - BOTTOM), abs_tol=0.1)
    lines = picture.findall(f"{SVG}line")
    assert [line.attrib["class"] for line in lines].count("zero") == 1
    assert len(lines) <= 8
