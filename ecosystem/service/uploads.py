"""What a tenant uploads: its graph and findings, checked and bounded, and nothing drawn that it does not say."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from patchpact.ecosystem.service.recommender import CALENDAR, TenantView
from patchpact.scenarios import Scenario, ScenarioError
from patchpact.scenarios.assemble import Description, assemble
from patchpact.scenarios.errors import closest, shown
from patchpact.scenarios.schema import FindingRow, GraphFile, Model, check

MOST_SERVICES, MOST_CALLS, MOST_FINDINGS = 500, 5_000, 10_000
PARAMETERS = ("capacity_hours", "labour_keur_per_hour", "setup_hours", "support_keur", "loss_multiplier")
"""Parameters of the world that a tenant may state; the others are the same for all."""
SILENT = ("components", "findings")
"""What a node does not state it has none of, where bundled graphs would draw it."""


class Upload(Model):
    """The document of an upload."""

    graph: GraphFile
    """A node-link graph; findings may stand on its nodes."""
    findings: Annotated[list[FindingRow], Field(default_factory=list, max_length=MOST_FINDINGS)]
    calendar: Annotated[list[str], Field(default_factory=lambda: list(CALENDAR), min_length=3, max_length=3)]
    """Seasons of this window and the two after."""
    parameters: dict[str, float | int] = Field(default_factory=dict)


def view_of(document: Any, name: str) -> TenantView:
    """The view of a tenant from its document.

    Args:
        document: what JSON gave.
        name: the tenant's own; its scenario's id.

    Raises:
        ScenarioError: one line, `upload: <field>: <problem>; <mend>`.
    """
    upload = check(Upload, document, "upload")
    graph = upload.graph
    if graph.edges and graph.links:
        raise ScenarioError("upload", "graph.links", "both edges and links", "keep one of the two")
    links = graph.edges or graph.links
    stated = sum(len(node.findings or ()) for node in graph.nodes) + len(upload.findings)
    sizes = (("graph.nodes", len(graph.nodes), MOST_SERVICES), ("graph.edges", len(links), MOST_CALLS))
    for field, count, most in (*sizes, ("findings", stated, MOST_FINDINGS)):
        if count > most:
            raise ScenarioError("upload", field, f"{count} are too many", f"send at most {most}")
    for parameter in upload.parameters:
        if parameter not in PARAMETERS:
            mend = closest(parameter, PARAMETERS)
            raise ScenarioError("upload", "parameters", f"{shown(parameter)} cannot be set", mend)
    nodes = [
        node.model_copy(update={field: [] for field in SILENT if getattr(node, field) is None}) for node in graph.nodes
    ]
    described = Description(
        where="upload", id=name, nodes=nodes, links=links, findings=upload.findings, fixes="released"
    )
    scenario: Scenario = assemble(described).with_parameters(**upload.parameters)
    return TenantView.of(scenario, upload.calendar)
