"""The files that describe a scenario, as pydantic models. Nothing unknown is accepted.

`ScenarioFile` is the YAML file, `GraphFile` a node-link JSON graph (networkx writes `links` or
`edges`; both are read). Where a section may also be a file (`graph`, `findings`, `components`),
the loader reads that file and checks it with the same model, so that errors name the right file.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from patchpact.scenarios.errors import ScenarioError, closest, shown

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_ONE_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _no_control(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("control", "has a control character", {"mend": "leave it out"})
    return text


def _one_line(text: str) -> str:
    if _ONE_LINE.search(text):
        raise PydanticCustomError("control", "has a line break or control character", {"mend": "leave it out"})
    return text


def _identifier(value: object) -> object:
    """A node's name: numbers and tuples (lists in JSON) become the text that Python gives them."""
    if isinstance(value, list | tuple):
        return str(tuple(_plain_tuple(value)))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def _plain_tuple(value: list[Any] | tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_plain_tuple(item) if isinstance(item, list | tuple) else item for item in value)


Text = Annotated[str, Field(max_length=20_000), AfterValidator(_no_control)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
Identifier = Annotated[Name, BeforeValidator(_identifier)]
Probability = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, le=1e9)]
Uid = Annotated[int, Field(ge=0, lt=2**31)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Window = Annotated[int, Field(ge=0, le=520)]
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
                    text = key if isinstance(key, str) else shown(key)
                    context = {"key": text, "mend": closest(text, known)}
                    raise PydanticCustomError("unknown_field", "unknown field", context)
        return value


M = TypeVar("M", bound=Model)


class FindingRow(Model):
    """A finding on a service's component; a row on a node need not name the service."""

    uid: Uid | None = None
    service: Identifier = ""
    component: Name
    cve: Name
    ecosystem: Name | None = None
    version: Line = ""
    cvss: Annotated[float, Field(ge=0, le=10)] | None = None
    severity: Line | None = None
    epss: Probability | None = None
    kev: bool = False
    exposed: bool | None = None
    automatable: bool | None = None
    technical_impact: Literal["partial", "total"] | None = None
    fixed_version: Line | None = None
    confidence: Probability | None = None
    known_window: Window | None = None
    vendor: Name | None = None
    release_window: Window | None = None
    match: Line | None = None
    unconfirmed: bool = False
    source: Text | None = None


class ComponentRow(Model):
    """What a service ships, with the manifest or lock file line that says so."""

    service: Identifier = ""
    component: Name
    ecosystem: Name | None = None
    version: Line = ""
    direct: bool = True
    vendor: Name | None = None
    evidence: Text = ""


class PatchRow(Model):
    """A patch as the file states it; it removes every finding of its component in its service."""

    uid: Uid | None = None
    service: Identifier
    component: Name
    name: Name | None = None
    ecosystem: Name = "library"
    version: Line = ""
    fixed_version: Line = ""
    vendor: Name | None = None
    effort_hours: Annotated[float, Field(gt=0, le=10_000)]
    downtime_minutes: Annotated[float, Field(ge=0, le=100_000)]
    regression_probability: Probability
    requires: list[Name] = []
    fee_keur: Amount = 0.0
    release_window: Window = 0
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
    confidence: Probability | None = None
    """Probability that the service exists as said; importers state it. Information: the world takes it as there."""
    language: Line | None = None
    image_or_build: Text | None = None
    labels: list[Line] | None = None
    """Further names by which reports may call the service; findings are matched by them."""
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
    confidence: Probability | None = None
    """Probability that the call exists; information, as on nodes."""
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
    size: Literal["small", "large"] = "large"
    platform: bool = False
    equity_keur: Amount = 500.0


class GenerateSection(Model):
    """A drawn graph in place of a given one."""

    services: Annotated[int, Field(ge=1, le=100_000)] = 20
    seed: Seed = 0
    tenants: Annotated[int, Field(ge=1, le=64)] = 1
    vendors: Annotated[int, Field(ge=1, le=64)] = 2


class ScenarioFile(Model):
    """A scenario: one YAML file. Parameter sections are checked against `parameters.csv`."""

    id: Name
    title: Line
    description: Text = ""
    sources: list[Text] = []
    graph: Any = None
    """A mapping (`GraphFile`) or the name of a JSON file beside this one."""
    generate: dict[str, Any] | None = None
    findings: Any = None
    """A list of rows (`FindingRow`) or the name of a CSV or JSON file beside this one; so are components."""
    components: Any = None
    patches: list[PatchRow] | None = None
    services: dict[Identifier, NodeAttributes] = {}
    entrypoints: list[EntrypointRow] | None = None
    agents: list[AgentRow] | None = None
    vendors: dict[Name, Name | None] = {}
    unconfirmed: Literal["keep", "drop"] = "drop"
    fixes: Literal["drawn", "released"] = "drawn"
    """Whether a share of the fixes is drawn as not yet out, or all that a finding names are out."""
    prerequisites: Literal["drawn", "stated"] = "drawn"
    """Whether rules of thumb draw which patches must come first, or only what `patches` say counts."""
    seed: Seed = 0
    world: dict[str, Any] = {}
    exploitation: dict[str, Any] = {}
    value: dict[str, Any] = {}
    responsibility: dict[str, Any] = {}
    governance: dict[str, Any] = {}


_MENDS = {
    "string_type": "write a text (in quotes)",
    "bool_type": "write true or false",
    "int_type": "write a whole number",
    "float_type": "write a number",
    "list_type": "write a list",
    "dict_type": "write a mapping",
    "model_type": "write a mapping of field names to values",
    "finite_number": "write a finite number",
    "string_unicode": "write valid Unicode",
    "string_too_short": "write a text",
    "string_too_long": "shorten it",
}
_BOUNDS = (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than"))


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
        raise _first_error(error, where, prefix) from None


def check_value(kind: Any, value: object, where: str, field: str) -> Any:
    """A single value as one of the types above; else a one-line ScenarioError."""
    try:
        return _adapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        raise _first_error(error, where, field) from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _first_error(error: ValidationError, where: str, prefix: str) -> ScenarioError:
    first = error.errors(include_url=False)[0]
    kind, got, context = first["type"], first.get("input"), first.get("ctx", {})
    location = first["loc"]
    if location[-1:] == ("[key]",):
        location = location[:-1]
    if kind == "unknown_field":
        location = (*location, str(context["key"]))
    field = field_path(location)
    if prefix and field:
        field = f"{prefix}{field}" if field.startswith("[") else f"{prefix}.{field}"
    field = field or prefix or "file"
    if kind == "missing":
        return ScenarioError(where, field, "missing", "add it")
    if kind == "unknown_field":
        return ScenarioError(where, field, "unknown field", str(context["mend"]))
    if kind == "literal_error":
        choices = [choice.strip(" '") for choice in str(context["expected"]).replace(" or ", ", ").split(",")]
        return ScenarioError(where, field, f"{shown(got)} is unknown", closest(got, choices))
    problem = re.sub(r"^(Input|String) | or instance of \w+", "", first["msg"])
    mend = str(context.get("mend", _MENDS.get(kind, "correct the value")))
    for bound, words in _BOUNDS:
        if bound in context:
            mend = f"write a number of {words} {context[bound]:g}"
    return ScenarioError(where, field, f"{shown(got)} {problem}", mend)
