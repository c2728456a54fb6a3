"""A small scenario that states everything, and the means to change one place of it."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

SHOP: dict[str, Any] = {
    "id": "shop",
    "title": "A shop",
    "sources": ["made up"],
    "graph": {
        "nodes": [
            {
                "uid": 0, "id": "web", "kind": "frontend", "exposed": True, "data_sensitivity": "low", "replicas": 2,
                "deploy_minutes": 5, "loss_keur": 100, "owner": "business_0",
            },
            {
                "uid": 1, "id": "db", "kind": "store", "exposed": False, "data_sensitivity": "payment", "replicas": 1,
                "deploy_minutes": 30, "loss_keur": 900, "owner": "business_0",
            },
        ],
        "edges": [
            {
                "uid": 0, "source": "web", "target": "db", "kind": "db", "call_probability": 0.9,
                "lateral_probability": 0.2, "hard": True, "consumes": False,
            },
        ],
    },
    "entrypoints": [
        {"uid": 0, "service": "web", "requests_per_hour": 800, "revenue_keur_per_hour": 2.0, "owner": "business_0"},
    ],
    "findings": [
        {
            "uid": uid, "service": service, "component": component, "ecosystem": "library", "cve": cve, "cvss": 7.5,
            "epss": 0.1, "kev": False, "automatable": False, "technical_impact": "total", "fixed_version": "1.0.1",
            "confidence": 1.0, "known_window": 0,
        }
        for uid, service, component, cve in ((0, "web", "lib", "CVE-1"), (1, "db", "engine", "CVE-2"))
    ],
    "patches": [
        {
            "uid": uid, "service": service, "component": component, "vendor": "vendor_0", "effort_hours": 5,
            "downtime_minutes": 10, "regression_probability": 0.1, "fee_keur": 0.5, "requires": requires,
        }
        for uid, service, component, requires in ((0, "web", "lib", ["db/engine"]), (1, "db", "engine", []))
    ],
    "agents": [
        {"uid": 0, "name": "it_0", "label": "IT", "vote_weight": 2, "budget_keur": 30},
        {"uid": 1, "name": "business_0", "label": "Shop", "vote_weight": 2, "budget_keur": 30},
        {"uid": 2, "name": "vendor_0", "label": "Vendor", "vote_weight": 1, "budget_keur": 15},
    ],
    "world": {"windows": 4},
}  # fmt: skip
"""States everything, so that nothing is assumed."""


@pytest.fixture
def shop() -> dict[str, Any]:
    return copy.deepcopy(SHOP)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes content as `shop.yaml` (a mapping as YAML, text and bytes as they are) and returns the path."""

    def write_file(content: Any, name: str = "shop.yaml") -> Path:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            text = content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True)
            path.write_text(text, encoding="utf-8")
        return path

    return write_file
