"""Charts as inline SVG. Colours come from the page's style, so that they follow light and dark; what a colour says,
a number, a dash or a shape says too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from zlib import crc32

NARROW = 500
"""Drawings of less width are for phones: names stand above their row, and points have numbers alone."""
LETTER = 6.8
"""Mean width of a letter of the chart's text, in pixels."""
SERIES = 6
"""Lines with a colour and a dash of their own; further ones are thin and grey."""


def svg(width: float, height: float, title: str, description: str, *parts: str) -> str:
    """A drawing with its name and what it shows, for those who do not see it."""
    drawn = "".join(parts)
    name = f"c{crc32(f'{width}{title}{description}{drawn}'.encode()):08x}"  # the same in every run
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img"'
        f' aria-labelledby="{name} {name}d"><title id="{name}">{escape(title)}</title>'
        f'<desc id="{name}d">{escape(description)}</desc>{drawn}</svg>'
    )


def words(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    """A line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{style}">{escape(text)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from ``low`` to ``high``, both included in their range."""
    span = high - low
    raw = span / max(about, 1)
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


def tick_label(value: float) -> str:
    """A tick's number, with no more decimals than it needs."""
    return f"{value + 0.0:,.10g}".replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True)
class Scale:
    """From values to places along an axis."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place, kept within the axis."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)


def reach(values: Sequence[float], margin: float = 0.05) -> tuple[float, float]:
    """A range that holds all finite values, with a margin."""
    sound = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(sound), max(sound)
    room = margin * (high - low) or max(abs(high), 1.0) * margin
    return low - room, high + room


@dataclass(frozen=True)
class Bar:
    """A figure with its interval in a forest chart."""

    label: str
    value: float
    low: float
    high: float
    strong: bool = False


def forest(
    bars: Sequence[Bar],
    width: int,
    title: str,
    axis: str,
    marks: Sequence[tuple[float, str]] = (),
    floor: float = -math.inf,
    digits: int = 2,
) -> str:
    """Values with their intervals, one row each. ``marks`` are named lines; what lies below ``floor`` is cut off."""
    narrow = width < NARROW
    longest = max((len(bar.label) for bar in bars), default=0)
    left = 8.0 if narrow else min(longest * LETTER + 20, 260.0)
    row, top = (36, 30) if narrow else (24, 30)
    right = width - (8.0 if narrow else 58.0)
    low, high = reach([v for bar in bars for v in (bar.value, bar.low, bar.high)] + [at for at, _ in marks])
    x = Scale(max(low, floor), high, left, right)
    height = top + row * len(bars) + 40
    parts = []
    for tick in ticks(x.low, x.high, 4 if narrow else 6):
        parts.append(line(x(tick), top - 4, x(tick), height - 38, "grid"))
        parts.append(words(x(tick), height - 23, tick_label(tick), "small", "middle"))
    for at, name in marks:
        parts.append(line(x(at), top - 8, x(at), height - 38, "mark"))
        anchor = "middle" if left + 30 < x(at) < right - 40 else "end" if x(at) > width / 2 else "start"
        parts.append(words(x(at), top - 14, name, "small", anchor))
    for n, bar in enumerate(bars):
        middle = top + row * n + (row - 9 if narrow else row / 2)
        style = "strong" if bar.strong else ""
        if narrow:
            parts.append(words(left, middle - 11, bar.label, style))
        else:
            parts.append(words(left - 10, middle + 4, bar.label, style, "end"))
        if not math.isfinite(bar.value):
            parts.append(words(left + 4, middle + 4, "undefined", "small"))
            continue
        if math.isfinite(bar.low):
            parts.append(line(x(bar.low), middle, x(bar.high), middle, "whisker"))
        if bar.value < x.low:
            parts.append(f'<path class="dot" d="M{left:.1f} {middle:.1f}l7-5v10z"/>')
        else:
            parts.append(
                f'<circle class="dot" cx="{x(bar.value):.1f}" cy="{middle:.1f}" r="{5 if bar.strong else 4}"/>'
            )
        label = f"{bar.value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")
        parts.append(words(width - 4, middle - 11 if narrow else middle + 4, label, style, "end"))
    parts.append(words((left + right) / 2, height - 6, axis, "small", "middle"))
    told = "; ".join(
        f"{bar.label} {bar.value:.2f}" + (f" ({bar.low:.2f} to {bar.high:.2f})" if math.isfinite(bar.low) else "")
        for bar in bars
        if math.isfinite(bar.value)
    )
    return svg(width, height, title, told or "No value is defined.", *parts)


@dataclass(frozen=True)
class Series:
    """A line in a chart."""

    label: str
    y: Sequence[float]
    band: Sequence[tuple[float, float]] | None = None
    """Its interval at each x."""


def lines(
    x_values: Sequence[float],
    series: Sequence[Series],
    width: int,
    title: str,
    axes: tuple[str, str],
    y_range: tuple[float, float] | None = None,
    steps: bool = False,
) -> str:
    """Lines over common x values. The first ``SERIES`` have colours and dashes and stand in the legend."""
    narrow = width < NARROW
    named = list(series[:SERIES])
    left, right, top, plot = 46.0, width - 14.0, 28.0, (210.0 if narrow else 300.0)
    low, high = y_range or reach([value for one in series for value in one.y])
    x = Scale(min(x_values), max(x_values), left, right)
    y = Scale(low, high, top + plot, top)
    parts = [words(8, 14, axes[1], "small")]
    for tick in ticks(low, high, 4):
        parts += [
            line(left, y(tick), right, y(tick), "grid"),
            words(left - 7, y(tick) + 4, tick_label(tick), "small", "end"),
        ]
    for tick in ticks(x.low, x.high, 4 if narrow else 8):
        parts.append(words(x(tick), top + plot + 18, tick_label(tick), "small", "middle"))
        parts.append(line(x(tick), top + plot, x(tick), top + plot + 4, "axis"))
    parts.append(line(left, top + plot, right, top + plot, "axis"))
    parts.append(words((left + right) / 2, top + plot + 36, axes[0], "small", "middle"))
    for one in reversed(series[SERIES:]):
        parts.append(_path(x_values, one.y, x, y, steps, "other"))
    for one in named:
        if one.band is not None:
            parts.append(_band(x_values, one.band, x, y))
    for n, one in reversed(list(enumerate(named))):
        parts.append(_path(x_values, one.y, x, y, steps, f"line s{n}"))
    columns = 1 if narrow else 2
    legend = top + plot + 58
    entries = len(named) > 1 or len(series) > SERIES
    for n, one in enumerate(named if entries else ()):
        at_x, at_y = left + n % columns * (right - left) / columns, legend + n // columns * 20
        parts += [line(at_x, at_y - 4, at_x + 34, at_y - 4, f"line s{n}"), words(at_x + 42, at_y, one.label)]
    rows = -(-len(named) // columns) if entries else 0
    if len(series) > SERIES:
        at_y = legend + rows * 20
        parts += [line(left, at_y - 4, left + 34, at_y - 4, "other"), words(left + 42, at_y, "the others")]
        rows += 1
    return svg(width, legend + rows * 20 - (8 if rows else 18), title, _told(x_values, named), *parts)


def _path(xs: Sequence[float], ys: Sequence[float], x: Scale, y: Scale, steps: bool, style: str) -> str:
    parts: list[str] = []
    height = 0.0
    for one, other in zip(xs, ys, strict=True):
        if not math.isfinite(other):
            continue
        at, up = x(one), y(other)
        if parts and steps:
            parts.append(f"L{at:.1f} {height:.1f}")
        if not parts or up != height or not steps or one == xs[-1]:
            parts.append(f"{'L' if parts else 'M'}{at:.1f} {up:.1f}")
        height = up
    return f'<path class="{style}" d="{"".join(parts)}"/>'


def _band(xs: Sequence[float], band: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    """The area between lower and upper ends, level where neither moves."""
    there, back, before = [], [], (math.nan, math.nan)
    for n, (at, ends) in enumerate(zip(xs, band, strict=True)):
        if ends != before or n == len(xs) - 1:
            if n:
                there.append(f"{x(at):.1f} {y(before[1]):.1f}")
                back.append(f"{x(at):.1f} {y(before[0]):.1f}")
            there.append(f"{x(at):.1f} {y(ends[1]):.1f}")
            back.append(f"{x(at):.1f} {y(ends[0]):.1f}")
        before = ends
    return f'<path class="band" d="M{"L".join([*there, *reversed(back)])}z"/>'


def _told(xs: Sequence[float], series: Sequence[Series]) -> str:
    """What the lines say, at five places."""
    places = sorted({round(n * (len(xs) - 1) / 4) for n in range(5)})
    told = [
        f"{one.label}: " + ", ".join(f"{one.y[n]:.3g} at {xs[n]:.3g}" for n in places if math.isfinite(one.y[n]))
        for one in series
    ]
    return "; ".join(told)


@dataclass(frozen=True)
class Point:
    """A numbered point of a scatter chart."""

    number: int
    label: str
    x: float
    y: float
    shape: str = "circle"
    """``circle``, ``square`` or ``diamond``."""


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both directions (less is better), by x."""
    found: list[Point] = []
    for point in sorted((p for p in points if math.isfinite(p.x) and math.isfinite(p.y)), key=lambda p: (p.x, p.y)):
        if not found or point.y < found[-1].y:
            found.append(point)
    return found


def scatter(points: Sequence[Point], width: int, title: str, axes: tuple[str, str]) -> str:
    """Points with the front of those that none beats in both directions. Numbers tell them apart."""
    narrow = width < NARROW
    left, right, top, plot = 52.0, width - 16.0, 30.0, (270.0 if narrow else 360.0)
    sound = [point for point in points if math.isfinite(point.x) and math.isfinite(point.y)]
    highest_x, highest_y = (
        max((v for v in values), default=1.0) or 1.0 for values in ([p.x for p in sound], [p.y for p in sound])
    )
    x = Scale(-0.03 * highest_x, 1.06 * highest_x, left, right)
    y = Scale(-0.03 * highest_y, 1.08 * highest_y, top + plot, top)
    parts = [words(8, 14, axes[1], "small")]
    for tick in ticks(0.0, y.high, 5):
        parts += [
            line(left, y(tick), right, y(tick), "grid"),
            words(left - 7, y(tick) + 4, tick_label(tick), "small", "end"),
        ]
    for tick in ticks(0.0, x.high, 4 if narrow else 7):
        parts += [
            line(x(tick), top, x(tick), top + plot, "grid"),
            words(x(tick), top + plot + 18, tick_label(tick), "small", "middle"),
        ]
    parts.append(words((left + right) / 2, top + plot + 36, axes[0], "small", "middle"))
    best = front(sound)
    if len(best) > 1:
        parts.append(_path([p.x for p in best], [p.y for p in best], x, y, True, "front"))
    taken = [(x(point.x) - 7, y(point.y) - 7, x(point.x) + 7, y(point.y) + 7) for point in sound]
    for point in sorted(sound, key=lambda p: p in best):
        style = "dot" if point in best else "dot off"
        parts.append(_shape(point.shape, x(point.x), y(point.y), style))
    # Numbers of the front first: where points lie on one another, the others' are left to the table.
    within = (left, top, right, top + plot)
    for point in [*best, *(p for p in sound if p not in best)]:
        texts = [str(point.number)]
        if point in best and not narrow:
            texts.insert(0, f"{point.number} {point.label}")
        for text in texts:
            place = _room(x(point.x), y(point.y), len(text) * LETTER + 4, taken, within)
            if place is not None:
                parts.append(words(place[0], place[1], text, "strong" if point in best else "small", place[2]))
                break
    told = "; ".join(f"{p.number} {p.label}: {p.x:.1f}, {p.y:.1f}" for p in best)
    described = (
        f"Front, from the cheapest: {told}. {len(sound)} points in all." if best else "No point has both figures."
    )
    return svg(width, top + plot + 44, title, described, *parts)


def _shape(shape: str, x: float, y: float, style: str) -> str:
    if shape == "square":
        return f'<rect class="{style}" x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9"/>'
    if shape == "diamond":
        return f'<path class="{style}" d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6-6z"/>'
    return f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'


def _room(
    x: float,
    y: float,
    width: float,
    taken: list[tuple[float, float, float, float]],
    within: tuple[float, float, float, float],
) -> tuple[float, float, str] | None:
    """A free place for a label beside its point, and which end of it stands there; None where there is none."""
    for down, near in ((4, 9), (-8, 7), (17, 7)):
        for anchor, at, start in (("start", x + near, x + near), ("end", x - near, x - near - width)):
            box = (start, y + down - 11, start + width, y + down + 3)
            inside = (
                box[0] >= within[0] and box[2] <= within[2] + 12 and box[1] >= within[1] - 12 and box[3] <= within[3]
            )
            if inside and not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken):
                taken.append(box)
                return at, y + down, anchor
    return None
