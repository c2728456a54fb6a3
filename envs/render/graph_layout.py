"""Where services and calls stand: tiers from what is exposed to what lies deepest, with few crossings."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

import networkx as nx
import numpy as np

GRAPH_LEFT, GRAPH_RIGHT, GRAPH_TOP, GRAPH_BOTTOM = 28, 796, 72, 632
ROOMY_ROW, ROOMY_TIER = 44, 80
"""Pixels between two services of a tier, and between tiers, from which on names are written."""
FILE_LENGTH = 30
"""Services one below the other; a longer tier stands in several files."""


@dataclass(frozen=True)
class Layout:
    """Where services and calls are drawn, in pixels."""

    at: dict[str, tuple[float, float]]
    routes: tuple[tuple[tuple[float, float], ...], ...]
    """Points that each call passes, from caller to callee."""
    diameter: float
    tier_width: float
    roomy: bool
    """Whether there is room for names."""


def tiers(graph: nx.DiGraph) -> list[list[str]]:
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


def lay_out(graph: nx.DiGraph) -> Layout:
    """Where the services stand, tier by tier, and the routes of the calls, in pixels of the picture."""
    columns: list[list[Hashable]] = [list(tier) for tier in tiers(graph)]
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
    return Layout(
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
