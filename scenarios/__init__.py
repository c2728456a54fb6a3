"""What a world is made of: services, calls, findings, patches, agents and parameters.

`load_scenario` takes an id (`scenario_ids()`), a file or a `networkx.DiGraph` and returns a complete
`Scenario`. To add a scenario, put ONE YAML file into `scenarios/data/`; its name is its id:

    id: shop-v1                     # the file's name
    title: A shop
    graph:                          # or the name of a node-link JSON file beside this one
      nodes:
      - {id: web, kind: frontend, exposed: true}
      - {id: db, kind: store, data_sensitivity: payment}
      edges:
      - {source: web, target: db}
    findings: shop_findings.csv     # or a list; left out: drawn
    agents:                         # left out: it_0, business_0, vendor_0, vendor_1
    - {name: it_0, vote_weight: 2, budget_keur: 30}
    - {name: business_0, vote_weight: 2, budget_keur: 30}
    - {name: vendor_0, vote_weight: 1, budget_keur: 15}
    world: {windows: 8}             # parameters stand in sections called like their network
    governance: {voting: majority, rule_sets: [bod-26-04]}

Everything left out is completed from stated defaults and listed in `Scenario.assumptions`. The
fields are in `schema.py`, the parameters in `parameters.csv`.
"""

from __future__ import annotations

from patchpact.scenarios.checks import Summary, check_scenario, summary
from patchpact.scenarios.errors import AssumptionWarning, ScenarioError
from patchpact.scenarios.generator import generate
from patchpact.scenarios.loaders import load_scenario, parameter_rows
from patchpact.scenarios.parameters import NETWORKS, PARAMETERS, Parameter, default_parameters
from patchpact.scenarios.registry import scenario_ids
from patchpact.scenarios.scenario import (
    CORE_ROLES,
    EDGE_KINDS,
    SENSITIVITIES,
    SERVICE_KINDS,
    AgentSpec,
    Edge,
    Entrypoint,
    Finding,
    Patch,
    Scenario,
    Service,
)

__all__ = [
    "CORE_ROLES",
    "EDGE_KINDS",
    "NETWORKS",
    "PARAMETERS",
    "SENSITIVITIES",
    "SERVICE_KINDS",
    "AgentSpec",
    "AssumptionWarning",
    "Edge",
    "Entrypoint",
    "Finding",
    "Parameter",
    "Patch",
    "Scenario",
    "ScenarioError",
    "Service",
    "Summary",
    "check_scenario",
    "default_parameters",
    "generate",
    "load_scenario",
    "parameter_rows",
    "scenario_ids",
    "summary",
]
