"""Who paid whom over an episode: a picture of the ledger with its table. Roles, outside and nature are parties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from patchpact.agents.roles import ROLES
from patchpact.agents.roles.ledger import NETWORK_OF_KIND, NETWORKS
from patchpact.envs.view import NATURE, OUTSIDE
from patchpact.training.flows import balances
from patchpact.training.reports import charts, page

NODE, GAP, PLOT, TOP = 10.0, 20.0, 260.0, 44.0
"""Width of a party's bar, room between two of them, height of all flows together, room above them (px)."""
LEAST = 0.8
"""Flows are drawn no thinner than that, so that small ones are seen."""
LETTERED = 11.0
"""Flows of this width carry the first letter of their network."""
WIDTHS = (480, 320)
"""Of the drawing, on wide and on narrow screens."""
CAPTION = (
    "Givers on the left, takers on the right; a flow is as wide as its sum, and has the colour and the first letter of"
    " its network: V value, R responsibility, G governance, W the world itself, whose damage no switch turns off. What"
    " comes from nature is won, what goes there is used up; outside are users, the regulator and suppliers without an"
    " agent."
)

MECHANISMS: dict[str, tuple[str, ...]] = {
    "measuring together": ("uplift", "leak"),
    "pooling more data": ("incentive", "parity"),
    "modules and support": ("module", "pool"),
    "hosting": ("isolation", "content", "moderation"),
    "creators": ("payout",),
    "reserve and forecasts": ("returns",),
    "credit": ("interest", "capital"),
    "insurance": ("premium", "claim", "rebate"),
    "disclosure": ("compliance", "filing", "reputation"),
    "proofs": ("proof",),
    "audits": ("audit", "penalty", "bounty", "mandate"),
    "trust": ("demand",),
}
"""The platform's mechanisms by the kinds of money that are theirs."""
OWN_LINES = (
    "What each mechanism of the platform won and used up under its own kinds of money. What it changes elsewhere, as a"
    " patch that a module brought forward, stands in the other lines."
)

Flow = Sequence[Any]
"""Giver, taker, kind, k€."""


def block(story: Mapping[str, Any]) -> str:
    """The picture, the flows as a table and the sums of each party, of one story."""
    flows = [flow for flow in story.get("flows", ()) if flow[2] in NETWORK_OF_KIND and flow[3] > 0.0]
    if not flows:
        return page.paragraph("This story holds no flows of money.")
    title = f"Who paid whom: {story['scenario']}, {story['policy']}, world {story['seed']}"
    wide, narrow = (sankey(flows, width, title) for width in WIDTHS)
    drawn = (
        f'<figure><div class="wide">{wide}</div><div class="narrow">{narrow}</div>'
        f"<figcaption>{page.html(CAPTION)}</figcaption></figure>"
    )
    tables = [f'<div class="split"><div>{drawn}{sums(flows).html()}</div><div>{table(flows).html()}</div></div>']
    contributed = mechanisms(flows)
    if contributed.rows:
        tables.append(contributed.html())
    return "".join(tables)


def table(flows: Sequence[Flow]) -> page.Table:
    """Every flow, the largest first."""
    columns = [
        page.Column("giver", "From", text=True),
        page.Column("taker", "To", text=True),
        page.Column("kind", "Kind", text=True),
        page.Column("network", "Network", text=True),
        page.Column("keur", "k€"),
    ]
    rows = [
        {
            "giver": giver,
            "taker": taker,
            "kind": kind.replace("_", " "),
            "network": NETWORK_OF_KIND[kind],
            "keur": page.number(amount),
        }
        for giver, taker, kind, amount in sorted(flows, key=lambda flow: -flow[3])
    ]
    return page.Table("Money over the whole episode and its tail", columns, rows)


def sums(flows: Sequence[Flow]) -> page.Table:
    """What each party gave and took. The difference is the change of the accounts of its agents."""
    columns = [
        page.Column("party", "Party", text=True),
        page.Column("gave", "Gave, k€"),
        page.Column("took", "Took, k€"),
        page.Column("net", "Net, k€"),
    ]
    told = balances(flows)
    rows = [
        {
            "party": party,
            "gave": page.number(told[party][0]),
            "took": page.number(told[party][1]),
            "net": page.number(told[party][1] - told[party][0], signed=True),
        }
        for party in _ordered(told)
    ]
    return page.Table("What each party gave and took; net is what its accounts changed by", columns, rows)


def mechanisms(flows: Sequence[Flow]) -> page.Table:
    """What the platform's mechanisms contributed; one under whose kinds no money went has no row.

    What comes from nature is won, what goes there is used up; their difference is what the mechanism's lines add to
    welfare. All else is moved from one party to another.
    """
    columns = [
        page.Column("mechanism", "Mechanism", text=True),
        page.Column("kinds", "Kinds", text=True),
        page.Column("won", "Won, k€"),
        page.Column("used", "Used up, k€"),
        page.Column("welfare", "For welfare, k€"),
        page.Column("moved", "Moved, k€"),
    ]
    rows = []
    for name, kinds in MECHANISMS.items():
        mine = [flow for flow in flows if flow[2] in kinds]
        if not mine:
            continue
        won = sum(flow[3] for flow in mine if flow[0] == NATURE)
        used = sum(flow[3] for flow in mine if flow[1] == NATURE)
        moved = sum(flow[3] for flow in mine if NATURE not in flow[:2])
        rows.append(
            {
                "mechanism": name,
                "kinds": ", ".join(kind for kind in kinds if any(flow[2] == kind for flow in mine)),
                "won": page.number(won),
                "used": page.number(used),
                "welfare": page.number(won - used, signed=True),
                "moved": page.number(moved),
            }
        )
    return page.Table(OWN_LINES, columns, rows)


def sankey(flows: Sequence[Flow], width: int, title: str) -> str:
    """Flows from givers (left) to takers (right), added up by network."""
    links: dict[tuple[str, str, str], float] = {}
    kinds: dict[tuple[str, str, str], list[str]] = {}
    for giver, taker, kind, amount in sorted(flows, key=lambda flow: -flow[3]):
        link = (giver, taker, NETWORK_OF_KIND[kind])
        links[link] = links.get(link, 0.0) + amount
        kinds.setdefault(link, []).append(f"{kind.replace('_', ' ')} {page.number(amount)}")
    scale = PLOT / sum(links.values())
    thick = {link: max(amount * scale, LEAST) for link, amount in links.items()}
    left, right = (_ordered({link[side] for link in links}) for side in (0, 1))
    heights = [[sum(thick[link] for link in links if link[side] == one) for one in column]
               for side, column in ((0, left), (1, right))]  # fmt: skip
    starts = [_stack(column) for column in heights]
    height = max(sum(column) + GAP * (len(column) - 1) for column in heights) + TOP + 16
    order = {party: n for n, party in enumerate(_ordered({*left, *right}))}

    def place(link: tuple[str, str, str]) -> tuple[int, int, int]:
        return NETWORKS.index(link[2]), order[link[0]], order[link[1]]

    at_giver = _places(sorted(links, key=lambda link: (place(link)[0], place(link)[2])), thick, left, starts[0], 0)
    at_taker = _places(sorted(links, key=place), thick, right, starts[1], 1)
    ribbons = []
    for link in sorted(links, key=lambda link: -thick[link]):
        giver, taker, network = link
        label = f"{giver} to {taker}, {network}: {page.number(links[link])} k€ ({', '.join(kinds[link])})"
        ribbons.append(_ribbon(at_giver[link], at_taker[link], thick[link], width, network, label))
    parts = [_key(width, {link[2] for link in links}), *ribbons]
    for column, names, begin, side in ((heights[0], left, starts[0], 0), (heights[1], right, starts[1], 1)):
        for party, tall, top in zip(names, column, begin, strict=True):
            total = sum(amount for link, amount in links.items() if link[side] == party)
            x = width - NODE if side else 0.0
            parts.append(f'<rect class="party" x="{x:g}" y="{top:.1f}" width="{NODE:g}" height="{tall:.1f}"/>')
            at, anchor = (width - NODE - 5, "end") if side else (NODE + 5, "start")
            parts.append(charts.words(at, top + tall / 2 + 4, f"{party} {page.number(total, 1)}", "strong", anchor))
    told = "; ".join(
        f"{giver} to {taker}, {network}: {page.number(amount, 1)} k€"
        for (giver, taker, network), amount in sorted(links.items(), key=lambda item: -item[1])
    )
    return charts.svg(width, height, title, told, *parts)


def _ordered(parties: Any) -> list[str]:
    """Roles in their order, then whatever else there is, outside and nature last."""
    known = [*ROLES, *sorted(set(parties) - {*ROLES, OUTSIDE, NATURE}), OUTSIDE, NATURE]
    return [party for party in known if party in parties]


def _stack(heights: Sequence[float]) -> list[float]:
    """Where each bar of a column begins."""
    return [TOP + sum(heights[:n]) + GAP * n for n in range(len(heights))]


def _places(
    links: Sequence[tuple[str, str, str]],
    thick: Mapping[tuple[str, str, str], float],
    parties: Sequence[str],
    starts: Sequence[float],
    side: int,
) -> dict[tuple[str, str, str], float]:
    """The upper edge of each flow at its party, one below the other."""
    free = dict(zip(parties, starts, strict=True))
    places = {}
    for link in links:
        places[link] = free[link[side]]
        free[link[side]] += thick[link]
    return places


def _ribbon(start: float, end: float, thick: float, width: int, network: str, label: str) -> str:
    """A flow; its title is what a pointer resting on it reads."""
    x1, x2 = NODE, width - NODE
    middle = (x1 + x2) / 2
    there = f"M{x1:g} {start:.1f}C{middle:g} {start:.1f} {middle:g} {end:.1f} {x2:g} {end:.1f}"
    low, far = start + thick, end + thick
    back = f"V{far:.1f}C{middle:g} {far:.1f} {middle:g} {low:.1f} {x1:g} {low:.1f}z"
    drawn = f'<path class="flow of-{network}" d="{there}{back}"><title>{page.html(label)}</title></path>'
    if thick >= LETTERED:  # before the middle, where flows cross
        x, y = x1 + 0.424 * (x2 - x1), start + 0.352 * (end - start)  # of the curve at 0.4
        drawn += charts.words(x, y + thick / 2 + 4, network[0].upper(), "small", "middle")
    return drawn


def _key(width: int, networks: set[str]) -> str:
    """The networks with their colours, above the flows."""
    parts = []
    shown = [network for network in NETWORKS if network in networks]
    columns = 4 if width >= WIDTHS[0] else 2
    for n, network in enumerate(shown):
        x, y = n % columns * width / columns, 12 + n // columns * 17
        parts.append(f'<rect class="flow of-{network}" x="{x:g}" y="{y - 9}" width="11" height="11"/>')
        parts.append(charts.words(x + 16, y, network, "small"))
    return "".join(parts)
