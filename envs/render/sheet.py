"""A canvas in pixels, with its colours and its font."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from patchpact.envs.render.words import plain, shorten

WIDTH, HEIGHT = 1200, 720
"""Of the picture, in pixels."""
INK, GREY, PALE = "#1f2933", "#66727f", "#c3cad2"
GREEN, RED, AMBER, BLUE = "#2e7d32", "#c62828", "#b26a00", "#1565c0"
RGB = tuple[float, float, float]


def _font(size: float, bold: bool) -> FontProperties:
    """The font that comes with matplotlib, so that pictures are alike everywhere."""
    return FontProperties(family=["DejaVu Sans"], size=size, weight="bold" if bold else "normal")


def _glyphs(bold: bool) -> set[int]:
    """The characters that the font has."""
    return set(get_font(findfont(_font(9, bold))).get_charmap())


class Sheet:
    """A canvas of its own with pixel coordinates, y downwards."""

    def __init__(self) -> None:
        figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor="white")
        self._canvas: Any = FigureCanvasAgg(figure)
        self.axes = figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, WIDTH)
        self.axes.set_ylim(HEIGHT, 0)
        self._drawable = _glyphs(bold=False) & _glyphs(bold=True)

    def write(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 9,
        colour: str = INK,
        bold: bool = False,
        align: str = "left",
        width: float | None = None,
        halo: bool = False,
    ) -> None:
        """One line whose capitals are centred at height y, shortened to ``width`` pixels.

        ``align`` says which part of it is at x; characters that the font lacks become �.
        """
        shown = "".join(c if ord(c) in self._drawable else "\N{REPLACEMENT CHARACTER}" for c in plain(text))
        if width is not None:
            shown = shorten(shown, width, lambda part: self.measure(part, size, bold))
        drawn = self.axes.text(
            x,
            y + size / 2,
            shown,
            color=colour,
            horizontalalignment=align,
            verticalalignment="baseline",
            fontproperties=_font(size, bold),
            parse_math=False,
            usetex=False,
            zorder=5,
        )
        if halo:
            drawn.set_path_effects([withStroke(linewidth=2.5, foreground="white")])

    def measure(self, text: str, size: float, bold: bool = False) -> float:
        """Width of a line in pixels."""
        renderer = self._canvas.get_renderer()
        return float(renderer.get_text_width_height_descent(text, _font(size, bold), ismath=False)[0])

    def mark(
        self,
        points: Sequence[tuple[float, float]],
        marker: str,
        diameter: float,
        *,
        fill: Any = "none",
        edge: str = INK,
        line: float | Sequence[float] = 0.8,
        layer: float = 3,
    ) -> None:
        """Markers of ``diameter`` pixels."""
        if points:
            xs, ys = zip(*points, strict=True)
            area = (0.72 * diameter) ** 2
            self.axes.scatter(xs, ys, s=area, marker=marker, c=fill, edgecolors=edge, linewidths=line, zorder=layer)

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A rounded box from (x, y) to (x + width, y + height)."""
        shape = "round,pad=0,rounding_size=4"
        self.axes.add_patch(FancyBboxPatch((x, y), width, height, shape, facecolor=colour, edgecolor="none"))

    def chip(self, x: float, y: float, width: float, words: str, colour: str) -> None:
        """White words on a coloured box, centred at height y."""
        self.box(x, y - 9, width, 18, colour)
        self.write(x + width / 2, y, words, size=8, bold=True, colour="white", align="center", width=width - 4)

    def rule(self, x: float, y: float, width: float, height: float, colour: str | RGB) -> None:
        """A filled rectangle from (x, y) to (x + width, y + height)."""
        self.axes.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor="none"))

    def pixels(self) -> NDArray[np.uint8]:
        """What was drawn ``(HEIGHT, WIDTH, 3)``."""
        self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[:, :, :3].copy()
