"""Charts are sound SVG, whatever the figures."""

import math
import xml.etree.ElementTree as ET

import pytest

from patchpact.training.reports import charts
from patchpact.training.reports.charts import Bar, Point, Series

NAN = math.nan


def sound(text: str) -> ET.Element:
    """The drawing, which is XML with a name and a description."""
    drawn = ET.fromstring(text)
    title, description = drawn[0], drawn[1]
    assert (title.tag, description.tag) == ("title", "desc")
    assert title.text and description.text
    assert drawn.get("role") == "img"
    assert drawn.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert "nan" not in text.replace(description.text, "").lower()
    return drawn


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [(0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), (-3.0, 12.0, [0.0, 5.0, 10.0]), (0.1, 0.12, None)],
)
def test_ticks_are_round(low: float, high: float, marks: list[float] | None) -> None:
    found = charts.ticks(low, high)
    assert 2 <= len(found) <= 7
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in found)
    if marks is not None:
        assert found == pytest.approx(marks)


@pytest.mark.parametrize("width", [320, 720])
def test_forest(width: int) -> None:
    bars = [Bar("<best>", 0.9, 0.8, 1.0, True), Bar("alone", 0.5, NAN, NAN), Bar("none", NAN, NAN, NAN)]
    bars += [Bar("hopeless", -40.0, -50.0, -30.0)]
    drawn = sound(charts.forest(bars, width, "T", "axis", [(0.0, "zero"), (1.0, "one")], -0.75))
    texts = [element.text for element in drawn.iter("text")]
    assert {"<best>", "alone", "none", "undefined", "hopeless"} <= set(texts)
    for circle in drawn.iter("circle"):
        assert 0 <= float(circle.get("cx", "")) <= width
    assert sum(element.get("class") == "dot" for element in drawn.iter("path")) == 1  # points beyond the chart


def test_forest_of_one_value() -> None:
    sound(charts.forest([Bar("a", 2.0, 2.0, 2.0)], 720, "T", "axis"))
    sound(charts.forest([], 720, "T", "axis"))


@pytest.mark.parametrize("width", [320, 720])
def test_lines(width: int) -> None:
    xs = [0.0, 1.0, 2.0]
    many = [Series(f"p{n}", [1.0, 0.5, 0.0]) for n in range(9)]
    drawn = sound(charts.lines(xs, many, width, "T", ("x", "y"), (0.0, 1.0), steps=True))
    texts = [element.text for element in drawn.iter("text")]
    assert "p5" in texts and "p6" not in texts and "the others" in texts
    band = Series("b", [1.0, NAN, 0.0], [(0.9, 1.0), (0.4, 0.6), (0.0, 0.1)])
    sound(charts.lines(xs, [band], width, "T", ("x", "y")))


def test_front() -> None:
    points = [Point(1, "a", 1, 5), Point(2, "b", 2, 3), Point(3, "c", 3, 4), Point(4, "d", 4, 1), Point(5, "e", NAN, 0)]
    assert [point.number for point in charts.front(points)] == [1, 2, 4]
    assert [point.number for point in charts.front([*points, Point(6, "f", 1, 3)])] == [6, 4]


@pytest.mark.parametrize("width", [320, 720])
def test_scatter(width: int) -> None:
    points = [Point(n, f"p<{n}", n % 5, n % 7, ("circle", "square", "diamond")[n % 3]) for n in range(1, 30)]
    sound(charts.scatter(points, width, "T", ("x", "y")))
    sound(charts.scatter([], width, "T", ("x", "y")))
    sound(charts.scatter([Point(1, "a", 0.0, 0.0)], width, "T", ("x", "y")))


def test_equal_drawings_are_equal_text() -> None:
    draw = [charts.scatter([Point(1, "a", 1.0, 2.0)], 320, "T", ("x", "y")) for _ in range(2)]
    assert draw[0] == draw[1]
