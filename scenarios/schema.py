"""The files that describe a scenario, as pydantic models. Nothing unknown is accepted.

`ScenarioFile` is the YAML file, `GraphFile` a node-link JSON graph (networkx writes `links` or
`edges`; both are read). Where a section may also be a file (`graph`, `findings`, `components`),
the loader reads that file and checks it with the same model, so that errors name the right file.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from patchpact.scenarios.errors import ScenarioError, closest, shown

Name = Annotated[str, Field(min_length=1, max_length=200)]
Identifier = Name | int
Text = Annotated[str, Field(max_length=20_000)]
Probability = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, le=1e9)]
Uid = Annotated[int, Field(ge=0, lt=2**31)]
ServiceKindName = Literal["service", "frontend", "gateway", "store", "queue", "external"]
EdgeKindName = Literal["http", "grpc", "db", "cache", "queue", "async"]
SensitivityName = Literal["none", "low", "personal", "payment"]


class Model(BaseModel):
    """Strict, finite, closed: unknown fields are refused with the closest known name."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, value: Any) -> Any:
        if isinstance(value, dict):
            known = list(cls.model_fields)
            for key in value:
                if key not in known:
                    context = {"key": str(key), "mend": closest(key, known)}
                    raise PydanticCustomError("unknown_field", "unknown field", context)
        return value


M = TypeVar("M", bound=Model)


class FindingRow(Model):
    """A finding on a service's component; the service is named by the row or by the node it sits on."""

    uid: Uid | None = None
    service: Identifier | None = None
    component: Name
    cve: Name
    ecosystem: Name | None = None
    version: Annotated[str, Field(max_length=200)] = ""
    cvss: Annotated[float, Field(ge=0, le=10)] | None = None
    severity: Annotated[str, Field(max_length=20)] | None = None
    epss: Probability | None = None
    kev: bool = False
    exposed: bool | None = None
    automatable: bool | None = None
    technical_impact: Literal["partial", "total"] | None = None
    fixed_version: Annotated[str, Field(max_length=200)] | None = None
    confidence: Probability | None = None
    known_window: Annotated[int, Field(ge=0, le=520)] | None = None
    match: Annotated[str, Field(max_length=40)] | None = None
    unconfirmed: bool = False
    source: Text | None = None


class ComponentRow(Model):
    """What a service ships, with the manifest or lock file line that says so."""

    service: Identifier | None = None
    component: Name
    ecosystem: Name = "generic"
    version: Annotated[str, Field(max_length=200)] = ""
    direct: bool = True
    vendor: Name | None = None
    evidence: Text = ""


class PatchRow(Model):
    """A patch as the file states it; it removes every finding of its component in its service."""

    uid: Uid | None = None
    service: Identifier
    component: Name
    name: Name | None = None
    ecosystem: Name = "generic"
    version: Annotated[str, Field(max_length=200)] = ""
    fixed_version: Annotated[str, Field(max_length=200)] = ""
    vendor: Name | None = None
    effort_hours: Annotated[float, Field(gt=0, le=10_000)]
    downtime_minutes: Annotated[float, Field(ge=0, le=100_000)]
    regression_probability: Probability
    requires: list[Name] = []
    fee_keur: Amount = 0.0
    release_window: Annotated[int, Field(ge=0, le=520)] = 0
    evidence: Text = ""


class NodeAttributes(Model):
    """What may be said about a service."""

    uid: Uid | None = None
    kind: ServiceKindName | None = None
    exposed: bool | None = None
    owner: Name | None = None
    tenant: Name | None = None
    data_sensitivity: SensitivityName | None = None
    replicas: Annotated[int, Field(ge=1, le=100_000)] | None = None
    deploy_minutes: Annotated[float, Field(gt=0, le=10_000)] | None = None
    loss_keur: Amount | None = None
    evidence: Text | None = None
    language: Annotated[str, Field(max_length=80)] | None = None
    image_or_build: Text | None = None
    requests_per_hour: Amount | None = None
    revenue_keur_per_hour: Amount | None = None
    components: list[ComponentRow] | None = None
    findings: list[FindingRow] | None = None
    label: Any = None
    """Ignored: what drawing tools write."""


class Node(NodeAttributes):
    """A node of a node-link graph."""

    id: Identifier


class EdgeAttributes(Model):
    """What may be said about a call."""

    uid: Uid | None = None
    kind: EdgeKindName | None = None
    call_probability: Probability | None = None
    lateral_probability: Probability | None = None
    hard: bool | None = None
    consumes: bool | None = None
    evidence: Text | None = None
    label: Any = None
    """Ignored, as is `weight`: what drawing and layout tools write."""
    weight: Any = None


class Link(EdgeAttributes):
    """An edge of a node-link graph."""

    source: Identifier
    target: Identifier


class GraphFile(Model):
    """A node-link graph; the upper fields are what networkx writes and where the graph comes from."""

    directed: bool = True
    multigraph: bool = False
    graph: dict[str, Any] = {}
    name: Name | None = None
    source_repo: Text | None = None
    commit: Text | None = None
    licence: Text | None = None
    notes: Text | None = None
    nodes: list[Node]
    edges: list[Link] = []
    links: list[Link] = []


class EntrypointRow(Model):
    """A revenue flow."""

    uid: Uid | None = None
    service: Identifier
    requests_per_hour: Amount | None = None
    revenue_keur_per_hour: Amount
    owner: Name | None = None


class AgentRow(Model):
    """A stakeholder. `name` is role and index (`vendor_0`)."""

    uid: Uid | None = None
    name: Name
    role: Name | None = None
    label: Name | None = None
    vote_weight: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    budget_keur: Amount = 30.0


class GenerateSection(Model):
    """A drawn graph in place of a given one."""

    services: Annotated[int, Field(ge=1, le=100_000)] = 20
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    tenants: Annotated[int, Field(ge=1, le=64)] = 1
    vendors: Annotated[int, Field(ge=1, le=64)] = 2


class ScenarioFile(Model):
    """A scenario: one YAML file. Parameter sections are checked against `parameters.csv`."""

    id: Name
    title: Annotated[str, Field(max_length=500)]
    description: Text = ""
    sources: list[Text] = []
    graph: str | dict[str, Any] | None = None
    generate: dict[str, Any] | None = None
    findings: str | list[Any] | None = None
    components: str | list[Any] | None = None
    patches: list[PatchRow] | None = None
    services: dict[Name, NodeAttributes] = {}
    entrypoints: list[EntrypointRow] | None = None
    agents: list[AgentRow] | None = None
    vendors: dict[Name, Name | None] = {}
    unconfirmed: Literal["keep", "drop"] = "drop"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    world: dict[str, Any] = {}
    exploitation: dict[str, Any] = {}
    value: dict[str, Any] = {}
    responsibility: dict[str, Any] = {}
    governance: dict[str, Any] = {}


_MENDS = {
    "missing": "add it",
    "finite_number": "write a finite number",
    "string_type": "write a text (in quotes)",
    "bool_type": "write true or false",
    "int_type": "write a whole number",
    "float_type": "write a number",
    "list_type": "write a list",
    "dict_type": "write a mapping",
    "model_type": "write a mapping of field names to values",
}


def field_path(location: tuple[int | str, ...]) -> str:
    """`("edges", 3, "kind")` as `edges[3].kind`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def check(model: type[M], data: object, where: str, prefix: str = "") -> M:
    """The data as a model; the first error as a one-line ScenarioError."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _one_line(error, where, prefix) from None


def _one_line(error: ValidationError, where: str, prefix: str) -> ScenarioError:
    first = error.errors(include_url=False)[0]
    field = field_path(tuple(p for p in first["loc"] if p not in ("str", "int", "constrained-str")))
    if prefix:
        field = f"{prefix}{field if field.startswith('[') or not field else '.' + field}"
    context = first.get("ctx", {})
    if first["type"] == "unknown_field":
        field = f"{field}.{context['key']}" if field else str(context["key"])
        return ScenarioError(where, field, "unknown field", str(context["mend"]))
    field = field or "file"
    got = first.get("input")
    if first["type"] == "missing":
        return ScenarioError(where, field, "missing", "add it")
    if first["type"] == "literal_error":
        choices = [c.strip(" '") for c in str(context["expected"]).replace(" or ", ", ").split(",")]
        return ScenarioError(where, field, f"{shown(got)} is unknown", closest(got, choices))
    problem = first["msg"].replace("Input should be", "should be").replace("Input", "input")
    mend = _MENDS.get(first["type"], "correct the value")
    for bound, sign in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
        if bound in context:
            mend = f"write a number of {sign} {context[bound]:g}"
    return ScenarioError(where, field, f"{shown(got)} {problem}", mend)
