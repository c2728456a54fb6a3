"""What a person sees of a world: a screen of text, or a picture of the service graph beside a panel."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite, log10
from statistics import fmean
from typing import Any

import networkx as nx
import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from patchpact.agents.roles.layout import MODES
from patchpact.envs.view import PatchView, ServiceView, WorldView

COLUMNS = 100
"""Longest line of the text screen, in terminal columns."""
WIDTH, HEIGHT = 1200, 720
"""Of the picture, in pixels."""

PHASES = {"propose": "proposing", "vote": "voting"}
VOTE_WORDS = {
    "reject": "rejects",
    "abstain": "abstains",
    "accept": "accepts",
    "accept_pay_10": "accepts, pays 10%",
    "accept_pay_30": "accepts, pays 30%",
    "ask_10": "asks 10%",
    "ask_30": "asks 30%",
}


# Words and numbers -----------------------------------------------------------


def _columns(text: str) -> int:
    """Terminal columns that the text takes: East Asian wide characters take two, combining ones none."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def _shorten(text: str, limit: float, measure: Callable[[str], float] = _columns) -> str:
    """The text, its middle replaced by … where it measures more than the limit."""
    if measure(text) <= limit:
        return text

    def cut(kept: int) -> str:
        tail = kept // 2
        return text[: kept - tail] + "…" + text[len(text) - tail :]

    fitting = bisect_right(range(len(text)), limit, key=lambda kept: measure(cut(kept)))
    return cut(max(fitting - 1, 0))


def _plain(text: str) -> str:
    """The text on one line, without control characters."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _cell(text: str, width: int) -> str:
    """The text shortened and filled up to the width, left-aligned."""
    short = _shorten(_plain(text), width)
    return short + " " * (width - _columns(short))


def _money(keur: float) -> str:
    """k€ with two decimals, large sums without."""
    size = abs(keur)
    if size >= 1e6:
        return f"{keur:.3g}"
    digits = 0 if size >= 1000 else 2
    return f"{round(keur, digits) + 0.0:.{digits}f}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _total(name: str, value: float) -> str:
    """A total of the episode: money and hours with decimals, counts without."""
    return _money(value) if name.endswith(("_keur", "_hours")) else f"{value:.0f}"


def _verdict(passed: bool | None) -> str:
    return {True: "passed", False: "failed", None: "on the table"}[passed]


def _season(view: WorldView) -> tuple[tuple[str, float], ...]:
    return tuple(zip(("now", "next", "after"), view.season, strict=True))


# Text ------------------------------------------------------------------------


def text(view: WorldView) -> str:
    """The world as a screen of plain text, lines of at most ``COLUMNS`` terminal columns."""
    blocks = [_head(view), _motion(view), _agenda(view), _plan(view), _accounts(view), _ledger(view)]
    if view.phase == "over":
        blocks.append(_totals(view))
    return "\n\n".join("\n".join(_shorten(line.rstrip(), COLUMNS) for line in block) for block in blocks)


def _head(view: WorldView) -> list[str]:
    seasons = ", ".join(f"{when} x{factor:.2f}" for when, factor in _season(view))
    if view.phase == "over":
        moment = f"window {view.windows} of {view.windows} is over"
    else:
        moment = f"window {view.window + 1} of {view.windows}, motion {view.motion + 1} of {view.motions}"
        moment += f", {PHASES[view.phase]}, proposer {view.proposer}"
    overdue = f"{_count(view.overdue, 'patch', 'patches')} overdue"
    return [
        _plain(f"{view.scenario}: {view.title}"),
        _plain(moment),
        f"season {seasons}; capacity left {view.capacity_left_hours:.1f} h",
        f"open risk {_money(view.open_risk_keur)} k€/window; {overdue}",
    ]


def _motion(view: WorldView) -> list[str]:
    motion = view.last_motion
    if motion is None:
        return ["Motion: none yet"]
    proposer = _shorten(_plain(motion.proposer), 24)
    before = f"Motion: {motion.mode} "
    after = f" by {proposer}, quote {_money(motion.quote_keur)} k€, {_verdict(motion.passed)}"
    patch = _shorten(_plain(motion.patch), COLUMNS - _columns(before + after))
    votes = [f"{name} {VOTE_WORDS[vote]}" for name, vote in motion.votes]
    who = _wrapped("  votes: ", votes) if votes else _wrapped("  may vote: ", view.voters)
    return [before + patch + after, *who]


def _wrapped(start: str, parts: Iterable[str]) -> list[str]:
    """The parts one after the other, continued on indented lines."""
    lines = [start]
    for part in parts:
        word = _shorten(_plain(part), COLUMNS - len(start))
        first = lines[-1].isspace() or lines[-1] == start
        if not first and _columns(f"{lines[-1]}; {word}") > COLUMNS:
            lines.append(" " * len(start))
            first = True
        lines[-1] += word if first else f"; {word}"
    return lines


def _agenda(view: WorldView) -> list[str]:
    if not view.agenda:
        return ["Agenda: empty"]
    lines = [
        "Agenda (modes: full, canary, mitigate, emergency; a version in brackets is not released yet)",
        f"{'row':>4} {'patch':28} {'to':11} {'risk':>8} {'effort':>6} {'down':>5} {'regr':>5} "
        f"{'CVSS':>4} {'EPSS':>5} KEV {'due':>4}  modes",
        f"{'':44} k€/window {'h':>6} {'min':>5} {'%':>5} {'':14} {'days':>4}",
    ]
    for patch in view.agenda:
        lines.append(_agenda_row(view, patch))
    return lines


def _agenda_row(view: WorldView, patch: PatchView) -> str:
    motion = view.last_motion
    mark = ">" if view.phase == "vote" and motion is not None and motion.patch == patch.name else " "
    version = patch.fixed_version or "?"
    version = version if patch.released else f"({version})"
    due = f"{patch.due_day - view.day:.0f}" if isfinite(patch.due_day) else "-"
    modes = "".join(mode[0] if mode in patch.feasible else "-" for mode in MODES)
    return (
        f"{mark}{patch.row:3d} {_cell(patch.name, 28)} {_cell(version, 11)} {_money(patch.risk_keur):>8} "
        f"{patch.effort_hours:6.1f} {patch.downtime_minutes:5.1f} {100 * patch.regression_probability:5.1f} "
        f"{patch.cvss:4.1f} {patch.epss:5.3f} {'yes' if patch.kev else '  -'} {due:>4}  {modes}"
    )


def _plan(view: WorldView) -> list[str]:
    if not view.plan:
        return ["Plan of this window: nothing"]
    lines = ["Plan of this window"]
    for patch in view.plan:
        name, version = _cell(patch.name, 40), _cell(patch.fixed_version, 14)
        hours = f"{patch.effort_hours:5.1f} h"
        lines.append(f"    {patch.mode:9}  day {patch.day:5.1f}  {name} to {version} {hours}")
    return lines


def _accounts(view: WorldView) -> list[str]:
    lines = ["Money, k€                        account     budget left"]
    for (name, account), (_, budget) in zip(view.accounts_keur, view.budgets_keur, strict=True):
        lines.append(f"    {_cell(name, 24)} {_money(account):>11} {_money(budget):>15}")
    return lines


def _ledger(view: WorldView) -> list[str]:
    """One line for each kind of money that flowed in the last step, its largest flows first."""
    if not view.ledger:
        return ["Last step: no money moved"]
    flows: dict[str, dict[tuple[str, str], float]] = {}
    for entry in view.ledger:
        by_pair = flows.setdefault(entry.kind, {})
        pair = entry.giver, entry.taker
        by_pair[pair] = by_pair.get(pair, 0.0) + entry.amount_keur
    lines = ["Last step, k€"]
    for kind, by_pair in flows.items():
        largest = sorted(by_pair.items(), key=lambda item: -item[1])
        parts = [f"{giver} to {taker} {_money(amount)}" for (giver, taker), amount in largest[:2]]
        if len(largest) > 2:
            parts.append(f"{len(largest) - 2} more")
        lines.append(f"    {kind:13} {_money(sum(by_pair.values())):>10}  {_plain('; '.join(parts))}")
    return lines


def _totals(view: WorldView) -> list[str]:
    return ["The episode", *(f"    {name:17} {_total(name, value):>10}" for name, value in view.totals)]


# Picture ---------------------------------------------------------------------

INK, GREY, PALE = "#1f2933", "#66727f", "#c3cad2"
GREEN, RED, AMBER, BLUE = "#2e7d32", "#c62828", "#b26a00", "#1565c0"
VOTE_COLOURS = {
    "reject": RED,
    "abstain": "#8a949e",
    "accept": GREEN,
    "accept_pay_10": "#00796b",
    "accept_pay_30": "#00796b",
    "ask_10": AMBER,
    "ask_30": AMBER,
}
MODE_COLOURS = {"full": BLUE, "canary": "#00838f", "mitigate": "#6a4fa3", "emergency": RED}
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

RGB = tuple[float, float, float]

GRAPH_LEFT, GRAPH_RIGHT, GRAPH_TOP, GRAPH_BOTTOM = 28, 796, 72, 632
PANEL_LEFT, PANEL_RIGHT = 832, 1180
ROOMY_ROW, ROOMY_TIER = 44, 80
"""Pixels between two services of a tier, and between tiers, from which on names are written."""
FILE_LENGTH = 30
"""Services one below the other; a longer tier stands in several files."""
AGENTS_SHOWN, PLANNED_SHOWN = 10, 6


def picture(view: WorldView) -> NDArray[np.uint8]:
    """The world as a picture ``(HEIGHT, WIDTH, 3)`` uint8; equal views give equal bytes.

    Left the service graph, from what is exposed to what lies deepest, each service in the colour of the
    public estimate that it is compromised in this window; right the negotiation and the money.
    """
    sheet = _Sheet()
    _draw_heading(sheet, view)
    layout = lay_out(view.graph)
    _draw_graph(sheet, view, layout)
    _draw_legend(sheet, view, layout)
    _draw_panel(sheet, view)
    return sheet.pixels()


def _font(size: float, bold: bool) -> FontProperties:
    """The font that comes with matplotlib, so that pictures are alike everywhere."""
    return FontProperties(family=["DejaVu Sans"], size=size, weight="bold" if bold else "normal")


def _glyphs(bold: bool) -> set[int]:
    """The characters that the font has."""
    return set(get_font(findfont(_font(9, bold))).get_charmap())


class _Sheet:
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
        shown = "".join(c if ord(c) in self._drawable else "\N{REPLACEMENT CHARACTER}" for c in _plain(text))
        if width is not None:
            shown = _shorten(shown, width, lambda part: self.measure(part, size, bold))
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


def _draw_heading(sheet: _Sheet, view: WorldView) -> None:
    sheet.write(20, 26, view.title, size=13, bold=True, width=GRAPH_RIGHT - 20)
    facts = [
        view.scenario,
        _count(len(view.services), "service", "services"),
        f"open risk {_money(view.open_risk_keur)} k€/window",
        f"{_count(view.overdue, 'patch', 'patches')} overdue",
    ]
    sheet.write(20, 49, "   ".join(facts), size=9.5, colour=GREY, width=GRAPH_RIGHT - 20)


# The service graph -----------------------------------------------------------


@dataclass(frozen=True)
class _Layout:
    """Where services and calls are drawn, in pixels."""

    at: dict[str, tuple[float, float]]
    routes: tuple[tuple[tuple[float, float], ...], ...]
    """Points that each call passes, from caller to callee."""
    diameter: float
    tier_width: float
    roomy: bool
    """Whether there is room for names."""


def _tiers(graph: nx.DiGraph) -> list[list[str]]:
    """Services by tier: each lies right of all that call it, as far as calls do not run in a circle.

    The exposed ones (or, where there are none, those that nobody calls) begin. In a circle of calls, only
    those count that lead away from them. What they do not reach stands one tier left of what it calls.
    """
    roots = [name for name, exposed in graph.nodes(data="exposed") if exposed]
    roots = roots or [name for name in graph if graph.in_degree(name) == 0] or list(graph)[:1]
    steps = {name: n for n, layer in enumerate(nx.bfs_layers(graph, roots)) for name in layer}
    circle = nx.condensation(graph).graph["mapping"]
    forward: nx.DiGraph = nx.DiGraph()
    forward.add_nodes_from(graph)
    for source, target in graph.edges:
        if circle[source] != circle[target] or steps.get(source, 0) < steps.get(target, 0):
            forward.add_edge(source, target)
    order = list(nx.topological_sort(forward))
    tier: dict[str, int] = {}
    for name in order:
        if name in steps:
            tier[name] = max((tier[caller] + 1 for caller in forward.pred[name] if caller in tier), default=0)
    for name in reversed(order):
        if name not in tier:
            tier[name] = min((tier[callee] for callee in forward.succ[name]), default=1) - 1
    first = min(tier.values())
    result: list[list[str]] = [[] for _ in range(max(tier.values()) - first + 1)]
    for name in graph:
        result[tier[name] - first].append(name)
    return result


def lay_out(graph: nx.DiGraph) -> _Layout:
    """Where the services stand, tier by tier, and the routes of the calls, in pixels of the picture."""
    columns: list[list[Hashable]] = [list(tier) for tier in _tiers(graph)]
    column_of = {name: n for n, column in enumerate(columns) for name in column}
    tallest = max(len(column) for column in columns)
    height, tier_width = GRAPH_BOTTOM - GRAPH_TOP, (GRAPH_RIGHT - GRAPH_LEFT) / len(columns)
    roomy = height / tallest >= ROOMY_ROW and tier_width >= ROOMY_TIER

    # Where there is room, a call that skips tiers gets a place in each, so that it passes beside services.
    chains: list[list[Hashable]] = []
    for source, target in graph.edges:
        skipped = range(column_of[source] + 1, column_of[target]) if roomy else range(0)
        places = [(source, target, n) for n in skipped]
        for place in places:
            columns[place[2]].append(place)
        if source != target:
            chains.append([source, *places, target])
    _untangle(columns, chains)

    at: dict[Hashable, tuple[float, float]] = {}
    gap = float(height)
    files = 1 if roomy else -(-tallest // FILE_LENGTH)
    for n, column in enumerate(columns):
        services = sum(name in column_of for name in column)
        passing = min(0.4, (height / ROOMY_ROW - services) / max(len(column) - services, 1))
        shares = np.array([1.0 if name in column_of else passing for name in column])
        middles = (np.cumsum(shares) - shares / 2) / shares.sum()
        gap = min(gap, height * files / float(shares.sum()))
        abreast = min(files, -(-len(column) // FILE_LENGTH))
        for row, name in enumerate(column):
            aside = (row % abreast - (abreast - 1) / 2) / abreast
            x = GRAPH_LEFT + tier_width * (n + 0.5 + 0.6 * aside)
            at[name] = x, GRAPH_TOP + height * float(middles[row])
    return _Layout(
        at={name: at[name] for name in graph},
        routes=tuple(tuple(at[point] for point in chain) for chain in chains),
        diameter=min(32.0, gap - 22.0) if roomy else max(5.0, min(16.0, 0.8 * gap, 0.7 * tier_width / files)),
        tier_width=tier_width,
        roomy=roomy,
    )


def _untangle(columns: list[list[Hashable]], chains: list[list[Hashable]]) -> None:
    """Order every column by the mean height of its neighbours in the column before, then after."""
    column_of = {name: n for n, column in enumerate(columns) for name in column}
    neighbours: dict[tuple[Hashable, int], list[Hashable]] = {}
    for chain in chains:
        for one, other in pairwise(chain):
            neighbours.setdefault((one, column_of[other]), []).append(other)
            neighbours.setdefault((other, column_of[one]), []).append(one)
    height = {name: (i + 0.5) / len(column) for column in columns for i, name in enumerate(column)}
    there, back = range(1, len(columns)), range(len(columns) - 2, -1, -1)
    for _ in range(6):
        for sweep, side in ((there, -1), (back, 1)):
            for n in sweep:
                mean = {
                    name: fmean(height[other] for other in neighbours.get((name, n + side), [name]))
                    for name in columns[n]
                }
                columns[n].sort(key=mean.__getitem__)
                for i, name in enumerate(columns[n]):
                    height[name] = (i + 0.5) / len(columns[n])


def _draw_graph(sheet: _Sheet, view: WorldView, layout: _Layout) -> None:
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


def _draw_name(sheet: _Sheet, layout: _Layout, service: ServiceView) -> None:
    """The number of open patches in the middle, the name below."""
    x, y = layout.at[service.name]
    below = y + layout.diameter / 2 + 14
    sheet.write(x, below, service.name, size=8.5, align="center", width=layout.tier_width - 4, halo=True)
    if service.open_patches:
        dark = sum(_colour(service.compromise_probability)) < 1.5
        colour = "white" if dark else INK
        sheet.write(x, y, str(service.open_patches), size=8.5, bold=True, colour=colour, align="center")


def _draw_calls(sheet: _Sheet, layout: _Layout) -> None:
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


def _entry(sheet: _Sheet, x: float, y: float, words: str) -> float:
    """Words beside a sign of the legend at (x, y); returns where the next sign stands."""
    sheet.write(x + 11, y, words, size=8, colour=GREY)
    return x + sheet.measure(words, 8) + 30


def _draw_legend(sheet: _Sheet, view: WorldView, layout: _Layout) -> None:
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


# The panel -------------------------------------------------------------------


def _draw_panel(sheet: _Sheet, view: WorldView) -> None:
    sheet.rule(PANEL_LEFT - 20, 0, WIDTH - PANEL_LEFT + 20, HEIGHT, "#f6f8fa")
    y = _draw_moment(sheet, view)
    y = _draw_motion(sheet, view, y)
    y = _draw_agents(sheet, view, y)
    y = _draw_totals(sheet, view, y) if view.phase == "over" else _draw_plan(sheet, view, y)
    _draw_flows(sheet, view, y)


def _section(sheet: _Sheet, y: float, title: str, aside: str = "") -> float:
    """A heading with a line below; returns the height of the first row."""
    sheet.write(PANEL_LEFT, y, title, size=10, bold=True)
    sheet.write(PANEL_RIGHT, y, aside, size=9, colour=GREY, align="right")
    sheet.rule(PANEL_LEFT, y + 12, PANEL_RIGHT - PANEL_LEFT, 1, PALE)
    return y + 28


def _draw_moment(sheet: _Sheet, view: WorldView) -> float:
    width = PANEL_RIGHT - PANEL_LEFT
    over = view.phase == "over"
    title = f"All {view.windows} windows are over" if over else f"Window {view.window + 1} of {view.windows}"
    sheet.write(PANEL_LEFT, 26, title, size=13, bold=True)
    done = 1.0
    if not over:
        aside = f"motion {view.motion + 1} of {view.motions}, {PHASES[view.phase]}"
        sheet.write(PANEL_RIGHT, 27, aside, size=9.5, colour=GREY, align="right")
        done = (view.window + view.motion / view.motions) / view.windows
    sheet.rule(PANEL_LEFT, 42, width, 4, PALE)
    sheet.rule(PANEL_LEFT, 42, width * done, 4, BLUE)
    sheet.write(PANEL_LEFT, 67, "Season", size=9, colour=GREY)
    for n, (when, factor) in enumerate(_season(view)):
        x = PANEL_LEFT + 56 + 98 * n
        colour = "#ffe0b2" if factor > 1.05 else "#d6e9f8" if factor < 0.95 else "#e4e8ec"
        sheet.box(x, 57, 92, 20, colour)
        sheet.write(x + 46, 67, f"{when} ×{factor:.2f}", size=8.5, align="center")
    if not over:
        sheet.write(PANEL_LEFT, 96, "Proposes", size=9, colour=GREY)
        sheet.write(PANEL_LEFT + 68, 96, view.proposer, size=9, bold=True, width=100)
        hours = f"{view.capacity_left_hours:.1f} h capacity left"
        sheet.write(PANEL_RIGHT, 96, hours, size=9, align="right", colour=GREY)
    return 100.0 if over else 128.0


def _draw_motion(sheet: _Sheet, view: WorldView, y: float) -> float:
    """The motion on the table, else the last one; returns the height of the next section."""
    motion = view.last_motion
    if motion is None:
        y = _section(sheet, y, "Motion")
        sheet.write(PANEL_LEFT, y, "none yet", size=9, colour=GREY)
        return y + 32
    y = _section(sheet, y, "Motion" if motion.passed is None else "Last motion")
    colour = BLUE if motion.passed is None else GREEN if motion.passed else RED
    sheet.chip(PANEL_RIGHT - 92, y - 28, 92, _verdict(motion.passed), colour)
    sheet.write(PANEL_LEFT, y, motion.patch, size=9.5, width=PANEL_RIGHT - PANEL_LEFT)
    details = f"{motion.mode}, quote {_money(motion.quote_keur)} k€, proposed by {motion.proposer}"
    sheet.write(PANEL_LEFT, y + 20, details, size=9, colour=GREY, width=PANEL_RIGHT - PANEL_LEFT)
    return y + 50


def _draw_agents(sheet: _Sheet, view: WorldView, y: float) -> float:
    """A row for each agent: vote, account, budget left; returns the height of the next section."""
    y = _section(sheet, y, "Agents", "k€")
    vote_left, account_right, budget_right = PANEL_LEFT + 90, PANEL_RIGHT - 72, PANEL_RIGHT
    sheet.write(vote_left + 2, y, "vote", size=8.5, colour=GREY)
    sheet.write(account_right, y, "account", size=8.5, colour=GREY, align="right")
    sheet.write(budget_right, y, "budget left", size=8.5, colour=GREY, align="right")
    votes = dict(view.last_motion.votes) if view.last_motion else {}
    rows = list(zip(view.accounts_keur, view.budgets_keur, strict=True))
    for (name, account), (_, budget) in rows[:AGENTS_SHOWN]:
        y += 23
        sheet.write(PANEL_LEFT, y, name, size=9, bold=name == view.proposer, width=84)
        if name in votes:
            sheet.chip(vote_left, y, 122, VOTE_WORDS[votes[name]], VOTE_COLOURS[votes[name]])
        elif name in view.voters:
            sheet.chip(vote_left, y, 122, "may vote", "#7b95b0")
        colour = RED if account < 0 else INK
        sheet.write(account_right, y, _money(account), size=9, colour=colour, align="right")
        sheet.write(budget_right, y, _money(budget), size=9, align="right")
    if len(rows) > AGENTS_SHOWN:
        y += 23
        sheet.write(PANEL_LEFT, y, f"and {len(rows) - AGENTS_SHOWN} more", size=9, colour=GREY)
    return y + 32


def _draw_plan(sheet: _Sheet, view: WorldView, y: float) -> float:
    """The patches planned in this window; returns the height of the next section."""
    planned = len(view.plan)
    y = _section(sheet, y, "Plan of this window", "nothing yet" if planned == 0 else f"{planned} planned")
    for patch in view.plan[:PLANNED_SHOWN]:
        sheet.chip(PANEL_LEFT, y, 76, patch.mode, MODE_COLOURS[patch.mode])
        sheet.write(PANEL_LEFT + 84, y, patch.name, size=9, width=PANEL_RIGHT - PANEL_LEFT - 144)
        sheet.write(PANEL_RIGHT, y, f"day {patch.day:.1f}", size=9, colour=GREY, align="right")
        y += 23
    if planned > PLANNED_SHOWN:
        sheet.write(PANEL_LEFT, y, f"and {planned - PLANNED_SHOWN} more", size=9, colour=GREY)
        y += 23
    return y + 8


def _draw_totals(sheet: _Sheet, view: WorldView, y: float) -> float:
    """What the episode came to; returns the height of the next section."""
    y = _section(sheet, y, "The episode")
    pairs = [(name.replace("_keur", " k€").replace("_", " "), _total(name, value)) for name, value in view.totals]
    return _draw_pairs(sheet, pairs, y)


def _draw_flows(sheet: _Sheet, view: WorldView, y: float) -> None:
    """The last step's money by kind, where there is room."""
    sums: dict[str, float] = {}
    for entry in view.ledger:
        sums[entry.kind] = sums.get(entry.kind, 0.0) + entry.amount_keur
    pairs = [(kind.replace("_", " "), _money(amount)) for kind, amount in sums.items()]
    if pairs and y + 20 * (len(pairs) // 2 + 2) < HEIGHT:
        _draw_pairs(sheet, pairs, _section(sheet, y, "Money that moved in the last step", "k€"))


def _draw_pairs(sheet: _Sheet, pairs: Sequence[tuple[str, str]], y: float) -> float:
    """Names and values in two columns; returns the height of the next section."""
    for n, (name, value) in enumerate(pairs):
        left, row = PANEL_LEFT + 184 * (n % 2), y + 20 * (n // 2)
        sheet.write(left, row, name, size=9, colour=GREY)
        sheet.write(left + 164, row, value, size=9, align="right")
    return y + 20 * -(-len(pairs) // 2) + 12
