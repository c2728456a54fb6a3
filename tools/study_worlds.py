"""Write the other topologies of the symbiosis study anew from symbiosis-v1.

    .venv/bin/python tools/study_worlds.py

In ``hub``, which is symbiosis-v1, shops call the platform's services directly, in ``chain`` each request passes through
them one after the other, in ``mesh`` firms' services call each other's too.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "scenarios" / "data" / "symbiosis-v1.yaml"
HOME = ROOT / "training" / "study" / "worlds"
PLATFORM = "business_0"

World = dict[str, Any]


def with_calls(world: World, suffix: str, title: str, edges: list[dict[str, Any]]) -> World:
    """The same services with other calls."""
    return {
        **world,
        "id": f"symbiosis-{suffix}v1" if suffix else world["id"],
        "title": f"{world['title']}: {title}",
        "graph": {"nodes": world["graph"]["nodes"], "edges": edges},
    }


def chain(world: World) -> World:
    """Gateway, identity, search, orders, payments in a row; shops call the gateway alone."""
    shared = {node["id"] for node in world["graph"]["nodes"] if node["owner"] == PLATFORM}
    row = ["edge-gateway", "identity", "search", "orders", "payments"]
    edges = [{"source": a, "target": b, "kind": "grpc", "call_probability": 0.7} for a, b in pairwise(row)]
    for edge in world["graph"]["edges"]:
        inside, outside = edge["source"] in shared, edge["target"] not in shared
        if outside or (inside and edge["target"] not in row):
            edges.append(edge)
        elif not inside and not any(e["source"] == edge["source"] and e["target"] == "edge-gateway" for e in edges):
            edges.append({**edge, "target": "edge-gateway"})
    return with_calls(world, "chain-", "calls in a row", edges)


def mesh(world: World) -> World:
    """Beside all other calls every firm's shop calls the stock of the next firm."""
    stocks = ["bakery-stock", "books-stock", "bikes-stock", "crafts-stock", "grocer-pricing"]
    shops = ["bakery-shop", "books-shop", "bikes-shop", "crafts-shop", "grocer-portal"]
    more = [
        {
            "source": shop,
            "target": stocks[(n + step) % len(stocks)],
            "kind": "http",
            "call_probability": 0.2,
            "hard": False,
        }
        for n, shop in enumerate(shops)
        for step in (1, 2)
    ]
    return with_calls(world, "mesh-", "firms call each other", [*world["graph"]["edges"], *more])


def main() -> None:
    """Write both."""
    world = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    HOME.mkdir(exist_ok=True)
    for one in (chain(world), mesh(world)):
        text = yaml.safe_dump(one, sort_keys=False, width=120, default_flow_style=None)
        (HOME / f"{one['id']}.yaml").write_text(text, encoding="utf-8")
        print(f"{one['id']}: {len(one['graph']['nodes'])} services, {len(one['agents'])} agents")


if __name__ == "__main__":
    main()
