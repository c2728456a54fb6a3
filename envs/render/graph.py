"""The service graph in the picture, and its legend."""

from __future__ import annotations

from itertools import pairwise
from math import log10

import numpy as np
from matplotlib import colormaps
from matplotlib.collections import LineCollection, PolyCollection
from numpy.typing import NDArray

from patchpact.envs.render.graph_layout import Layout
from patchpact.envs.render.sheet import BLUE, GREY, INK, PALE, RED, RGB, Sheet
from patchpact.envs.view import ServiceView, WorldView

MARKERS = {
    "frontend": ("s", 0.88),
    "gateway": ("D", 0.8),
    "service": ("o", 1.0),
    "store": ("h", 1.08),
    "queue": (">", 1.0),
    "external": ("^", 1.0),
}
"""By kind of service: a marker, and the size at which it looks as large as the others."""
COMPROMISE_COLOURS = colormaps["YlOrRd"]
"""From an estimated probability of 0.01% or less to 10% or more, logarithmic, the same in every picture."""


def draw_graph(sheet: Sheet, view: WorldView, layout: Layout) -> None:
    """Services by kind and risk, the calls between them, what is planned and what was struck."""
    _draw_calls(sheet, layout)
    thin, bold = (0.8, 2.6) if layout.roomy else (0.6, 1.6)
    for kind, (marker, scale) in MARKERS.items():
        shown = [service for service in view.services if service.kind == kind]
        places = [layout.at[service.name] for service in shown]
        colours = [_colour(service.compromise_probability) for service in shown]
        outlines = [bold if service.exposed else thin for service in shown]
        sheet.mark(places, marker, layout.diameter * scale, fill=colours, line=outlines)
    planned = [layout.at[service.name] for service in view.services if service.planned]
    sheet.mark(planned, "o", 1.38 * layout.diameter, edge=BLUE, line=2.4, layer=2.5)
    struck = [layout.at[service.name] for service in view.services if service.attacked]
    offset = 0.5 * layout.diameter
    sheet.mark(
        [(x - offset, y - offset) for x, y in struck],
        "X",
        max(11.0, 1.3 * offset),
        fill=RED,
        edge="white",
        layer=4,
    )
    if layout.roomy:
        for service in view.services:
            _draw_name(sheet, layout, service)


def _colour(probability: float) -> RGB:
    decades = log10(max(probability, 1e-4)) + 4
    return _shade(min(decades / 3, 1.0))


def _shade(share: float) -> RGB:
    """The colour at this share of the scale, 0 to 1."""
    red, green, blue, _ = COMPROMISE_COLOURS(share)
    return float(red), float(green), float(blue)


def _draw_name(sheet: Sheet, layout: Layout, service: ServiceView) -> None:
    """The number of open patches in the middle, the name below."""
    x, y = layout.at[service.name]
    below = y + layout.diameter / 2 + 14
    sheet.write(x, below, service.name, size=8.5, align="center", width=layout.tier_width - 4, halo=True)
    if service.open_patches:
        dark = sum(_colour(service.compromise_probability)) < 1.5
        colour = "white" if dark else INK
        sheet.write(x, y, str(service.open_patches), size=8.5, bold=True, colour=colour, align="center")


def _draw_calls(sheet: Sheet, layout: Layout) -> None:
    """Calls as smooth grey arrows from the right side of the caller to the left side of the callee."""
    reach = layout.diameter / 2 + 2
    lines, heads = [], []
    for route in layout.routes:
        (x0, y0), (x1, y1) = route[0], route[-1]
        leave = 1.0 if x1 >= x0 else -1.0
        arrive = -1.0 if x1 > x0 else 1.0
        points = [(x0 + leave * reach, y0), *route[1:-1], (x1 + arrive * (reach + 5), y1)]
        bend = 40.0 if x1 == x0 else None
        pieces = [_piece(one, other, bend) for one, other in pairwise(points)]
        lines.append(np.concatenate(pieces))
        tip, foot = x1 + arrive * reach, x1 + arrive * (reach + 6)
        heads.append([(tip, y1), (foot, y1 - 3), (foot, y1 + 3)])
    width = 1.1 if layout.roomy else 0.5
    colour = "#aab3bc" if layout.roomy else "#c9cfd6"
    sheet.axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, zorder=1))
    if layout.roomy:
        sheet.axes.add_collection(PolyCollection(heads, facecolors="#8f9aa5", edgecolors="none", zorder=2))


def _piece(start: tuple[float, float], end: tuple[float, float], bend: float | None) -> NDArray[np.float64]:
    """A cubic curve ``(16, 2)``, level at both ends; out by ``bend`` pixels and back where that is given."""
    (x0, y0), (x1, y1) = start, end
    half = (x1 - x0) / 2 if bend is None else bend
    arrival = x1 - half if bend is None else x1 + half
    t = np.linspace(0.0, 1.0, 16)[:, None]
    corners = np.array([(x0, y0), (x0 + half, y0), (arrival, y1), (x1, y1)])
    weights = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    return np.asarray(weights @ corners)


def _entry(sheet: Sheet, x: float, y: float, words: str) -> float:
    """Words beside a sign of the legend at (x, y); returns where the next sign stands."""
    sheet.write(x + 11, y, words, size=8, colour=GREY)
    return x + sheet.measure(words, 8) + 30


def draw_legend(sheet: Sheet, view: WorldView, layout: Layout) -> None:
    """What signs and colours mean; of kinds only those that the graph has."""
    kinds = {service.kind for service in view.services}
    x, y = 30.0, 668.0
    for kind, (marker, scale) in MARKERS.items():
        if kind in kinds:
            sheet.mark([(x, y)], marker, 12 * scale, fill=PALE)
            x = _entry(sheet, x, y, kind)
    x, y = 30.0, 693.0
    sheet.mark([(x, y)], "o", 11, fill=PALE, line=2.2)
    x = _entry(sheet, x, y, "exposed")
    sheet.mark([(x, y)], "o", 13, edge=BLUE, line=2.4)
    x = _entry(sheet, x, y, "patch planned")
    sheet.mark([(x, y)], "X", 13, fill=RED, edge="white")
    x = _entry(sheet, x, y, "compromised last window")
    if layout.roomy:
        sheet.write(x, y, "12", size=8.5, bold=True, align="center")
        sheet.write(x + 12, y, "open patches", size=8, colour=GREY)

    left, step, steps = 570, 5, 42
    for n in range(steps):
        sheet.rule(left + step * n, 668, step, 10, _shade(n / (steps - 1)))
    middle, width = left + step * steps / 2, step * steps
    sheet.write(middle, 657, "estimated P(compromised) this window", size=8, colour=GREY, align="center")
    for n, label in enumerate(("≤0.01%", "0.1%", "1%", "≥10%")):
        sheet.write(left + n * width / 3, 693, label, size=8, colour=GREY, align="center")
