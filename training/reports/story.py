"""The part of a page in which single episodes are told, drawn by ``story.js`` from their JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from patchpact.training.reports import money, page

MOST_BYTES = 3_000_000
"""Of all embedded stories together: the page stays under 5 MB."""
OF_THE_WORLD = ("services", "calls", "size")
"""What stands in every story of a scenario, embedded once."""

CONTROLS = """<div class="controls">
<div><label for="story-scenario">Scenario</label><select id="story-scenario"></select></div>
<div><label for="story-policy">Policy</label><select id="story-policy"></select></div>
</div>"""
WINDOW = """<div class="window">
<label for="story-window" id="story-window-label">Window</label>
<input type="range" id="story-window" min="1" max="1" value="1" step="1">
<button type="button" id="story-before" aria-label="Previous window">←</button>
<button type="button" id="story-after" aria-label="Next window">→</button>
</div>"""
PLAN_KEY = (
    "Each row is a service that was patched or compromised. Bars begin on the day of the work, are as long as the work"
    " took (eight hours a day), and carry the first letter of their mode: F full, C canary, M mitigate (the pale band"
    " shows how long it holds), E emergency; × failed. A cross marks a service that was compromised in that window."
    " The shaded column is the window that all else here is about."
)


def script() -> str:
    """What draws the stories."""
    return Path(__file__).with_name("story.js").read_text(encoding="utf-8")


def pick(stories: Sequence[Mapping[str, Any]], ranked: Sequence[str]) -> tuple[list[Mapping[str, Any]], int]:
    """The stories that fit on a page, the best policies' of all scenarios first; and how many do not."""
    rank = {policy: n for n, policy in enumerate(ranked)}
    scenarios = list(dict.fromkeys(str(story["scenario"]) for story in stories))
    order = sorted(stories, key=lambda s: (rank.get(str(s["policy"]), len(rank)), scenarios.index(str(s["scenario"]))))
    chosen: list[Mapping[str, Any]] = []
    room = MOST_BYTES
    worlds: set[str] = set()
    for story in order:
        size = len(json.dumps({k: v for k, v in story.items() if k not in OF_THE_WORLD}, separators=(",", ":")))
        if story["scenario"] not in worlds:
            size += len(json.dumps([story[name] for name in OF_THE_WORLD], separators=(",", ":")))
        size += len(money.block(story))
        if size <= room:
            chosen.append(story)
            worlds.add(str(story["scenario"]))
            room -= size
    chosen.sort(key=lambda story: scenarios.index(str(story["scenario"])))
    return chosen, len(stories) - len(chosen)


def section(stories: Sequence[Mapping[str, Any]], left_out: int) -> str:
    """The section with its controls, and the stories as JSON."""
    if not stories:
        return page.section("stories", "Single episodes", page.paragraph("The folder holds no stories."))
    worlds: dict[str, dict[str, Any]] = {}
    told = []
    for story in stories:
        scenario = str(story["scenario"])
        worlds.setdefault(scenario, {name: story[name] for name in OF_THE_WORLD})
        told.append({name: value for name, value in story.items() if name not in (*OF_THE_WORLD, "flows")})
    blocks = [f'<div data-story="{n}" hidden>{money.block(story)}</div>' for n, story in enumerate(stories)]
    head = "One episode of each policy on each scenario, as it was played."
    if left_out:
        head += f" {len(stories)} of {len(stories) + left_out} stories are here, the best policies' first; the others"
        head += " would make the page too large, and stand in the folder stories/."
    return page.section(
        "stories",
        "Single episodes",
        page.paragraph(head),
        '<noscript><p class="note">The stories are drawn by a small script in this page, which your browser does not'
        " run. All else on this page needs none.</p></noscript>",
        '<div id="story" hidden>',
        CONTROLS,
        '<h3 id="story-title">Episode</h3><dl id="story-sums"></dl>',
        WINDOW,
        '<p id="story-said" aria-live="polite"></p>',
        "<h3>Plans over time</h3>",
        '<figure><div class="canvas" id="story-plans" tabindex="0" role="region" aria-label="Plans over time"></div>',
        f"<figcaption>{PLAN_KEY}</figcaption></figure>",
        "<h3>Risk in the window</h3>",
        '<figure><div class="canvas" id="story-graph" tabindex="0" role="region" aria-label="Service graph"></div>',
        '<figcaption><p>Calls run from left to right.</p><div id="story-key"></div></figcaption></figure>',
        '<div id="story-risks"></div>',
        '<h3>Votes, payments and levers</h3><div id="story-motions"></div>',
        '<h3>What was carried out</h3><div id="story-plan"></div>',
        "<h3>Money in the window</h3>",
        '<div class="split"><div id="story-money"></div><div id="story-accounts"></div></div>',
        '<h3>Money</h3><div id="story-flows">',
        *blocks,
        "</div>",
        "</div>",
        page.data("stories-data", {"worlds": worlds, "stories": told}),
    )
