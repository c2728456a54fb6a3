"""The world as a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.envs.render.graph import draw_graph, draw_legend
from patchpact.envs.render.graph_layout import GRAPH_RIGHT, lay_out
from patchpact.envs.render.panel import draw_panel
from patchpact.envs.render.sheet import GREY, Sheet
from patchpact.envs.render.words import count, money
from patchpact.envs.view import WorldView


def picture(view: WorldView) -> NDArray[np.uint8]:
    """The world as a picture ``(HEIGHT, WIDTH, 3)`` uint8; equal views give equal bytes.

    Left the service graph, from what is exposed to what lies deepest, each service in the colour of the
    public estimate that it is compromised in this window; right the negotiation and the money.
    """
    sheet = Sheet()
    _draw_heading(sheet, view)
    layout = lay_out(view.graph)
    draw_graph(sheet, view, layout)
    draw_legend(sheet, view, layout)
    draw_panel(sheet, view)
    return sheet.pixels()


def _draw_heading(sheet: Sheet, view: WorldView) -> None:
    sheet.write(20, 26, view.title, size=13, bold=True, width=GRAPH_RIGHT - 20)
    facts = [
        view.scenario,
        count(len(view.services), "service", "services"),
        f"open risk {money(view.open_risk_keur)} k€/window",
        f"{count(view.overdue, 'patch', 'patches')} overdue",
    ]
    sheet.write(20, 49, "   ".join(facts), size=9.5, colour=GREY, width=GRAPH_RIGHT - 20)
