"""A study's design: worlds, arms, who plays them, and by which criteria its claims stand or fall. One YAML file.

The file is the pre-registration: it is committed before any result, its digest stands in every folder of results,
and the verdict (``patchpact.training.study.verdict``) reads nothing else but it and the raw episodes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from patchpact.agents.policies import policy_names
from patchpact.agents.policies.registry import further
from patchpact.envs.core.records import TOTALS
from patchpact.scenarios import ScenarioError
from patchpact.scenarios.errors import closest
from patchpact.scenarios.files import parse_yaml
from patchpact.scenarios.schema import Model, check
from patchpact.training import bundled

LEARNED, IDLE = "learned", "do-nothing"
"""Players of every arm: agents trained in it, and the zero of gains."""
WELFARE = "welfare_keur"
GAIN, GINI, WORSE_OFF = "gain_keur", "gini", "worse_off"
"""Measures beside doing nothing in the same arm, which no episode's total holds: welfare gained, Gini's coefficient of
what the agents gain, and the share of agents who lose by it."""
OVER_IDLE = (GAIN, GINI, WORSE_OFF)
Switched = Literal["value", "responsibility", "governance"]


class Topology(Model):
    """A world that every arm is played in."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    scenario: str
    """A bundled id, or a file (beside the design, or from the working folder)."""


class Arm(Model):
    """One version of the world; what is not changed is as in ``base``."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    description: str
    set: dict[str, Any] = Field(default_factory=dict)
    """Parameters by name; ``without``: services or firms that are taken away (``load_scenario``)."""
    scale: dict[str, float] = Field(default_factory=dict)
    """Factors on the parameters that the scenario has."""
    by_topology: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Parameters by name, in the topology of that name alone."""
    exploratory: bool = False
    """Decides no claim: trained with fewer seeds."""
    sweep: dict[str, float] = Field(default_factory=dict)
    """Where the arm stands in figures: the axis' name and the place on it."""


class Form(Model):
    """How much of the design is run."""

    topologies: int = Field(ge=1)
    """The first so many."""
    training_seeds: int = Field(ge=1)
    exploratory_seeds: int = Field(ge=0)
    timesteps: int = Field(ge=1)
    """Env-steps of every training."""
    draws: int = Field(ge=2)
    """Evaluation worlds of every cell, the same in all."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Settings of training that differ from ``training``; equal in all arms."""
    arms: list[str] = Field(default_factory=list)
    """Only these; all, if none is named."""
    first_seed: int = Field(default=0, ge=0)
    """Of the trainings: a pilot has others than the full form, of whose results it then tells nothing."""
    first_draw: int | None = Field(default=None, ge=0, lt=2**30)
    """Seed of the first evaluation world, where it is not the design's."""


class Forms(Model):
    """All forms."""

    small: Form
    """Checks the plumbing and decides nothing."""
    full: Form
    pilot: Form | None = None
    """Shows how much results vary, for ``--power``, and decides nothing."""

    def given(self) -> dict[str, Form]:
        """Those that the design has, by name."""
        return {name: form for name, form in self if form is not None}


class Failure(Model):
    """When an arm has broken down, relative to the arm ``full``."""

    gain_share: float = Field(gt=0, lt=1)
    participation_share: float = Field(gt=0, lt=1)
    insolvent_share: float = Field(gt=0, lt=1)
    firms: int = Field(ge=1)
    """That can become insolvent."""


class Criteria(Model):
    """Of support and of refutation; see ``patchpact.training.study.verdict``."""

    margin: float = Field(gt=0, lt=1)
    """Share of the reference arm's gain (of its level, for other measures) within which an effect counts as none."""
    least_training_seeds: int = Field(ge=2)
    least_topologies: int = Field(ge=1)
    least_draws: int = Field(ge=2)
    """Fewer of any of these: every claim is undecided, whatever the figures."""
    placebo: str
    """The arm without an inert module: if that moves welfare, the study is unsound and no claim is decided."""
    failure: Failure


class Prediction(Model):
    """An effect that a claim predicts to be above 0: a weighted sum of arms."""

    name: str
    over: dict[str, float] = Field(min_length=2)
    """Weights by arm; they add up to 0."""
    measure: str = GAIN
    outside: Switched | None = None
    """The gain (or welfare) without the lines that belong to this network: what its removal does to all else."""
    reference: str = "full"
    """The arm whose gain (or level) the margin is a share of."""


class Claim(Model):
    """Supported if all its tests hold, refuted if one fails, else undecided."""

    id: str
    title: str
    mechanisms: list[str]
    """What is in the game that could bring the effect about."""
    tests: list[Prediction] = Field(min_length=1)


class Untested(Model):
    """What is part of the claim but not of the game."""

    id: str
    why: str


class DesignFile(Model):
    """What a design's YAML file holds."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    description: str
    topologies: list[Topology] = Field(min_length=1)
    base: dict[str, Any] = Field(default_factory=dict)
    players: list[str]
    """Rules that every arm is also played with: what they show is mechanical, not strategic."""
    training: dict[str, Any]
    """Settings of ``TrainConfig``, equal in all arms."""
    first_draw: int = Field(ge=0, lt=2**30)
    """Seed of the first evaluation world."""
    incident_loss: Literal["sampled", "expected"] = "sampled"
    """How evaluation books losses: drawn, or expected given the attempts (less noise, an upper bound of the mean)."""
    incident_redraws: int = Field(default=0, ge=0, le=4096)
    """Draws of each window's incidents whose mean stands for what happened, in welfare and damage (the same mean)."""
    measures: list[str] = Field(min_length=1)
    forms: Forms
    arms: list[Arm] = Field(min_length=2)
    criteria: Criteria
    claims: list[Claim] = Field(min_length=1)
    not_tested: list[Untested] = Field(default_factory=list)
    power: dict[str, Any] = Field(default_factory=dict)
    """What ``--power`` computed from a pilot, for the record."""
    remarks: list[str] = Field(default_factory=list)
    """What was seen of the criteria after they were fixed; reports show it, and it decides nothing."""


@dataclass(frozen=True)
class Cell:
    """A piece of a study: an arm in a topology, with one player; one training where agents learn."""

    arm: str
    topology: str
    player: str
    training_seed: int
    """-1 where nothing is trained."""
    scenario: str
    overrides: Mapping[str, Any]
    scale: Mapping[str, float]
    timesteps: int
    settings: Mapping[str, Any]
    draws: range
    incident_loss: str = "sampled"
    incident_redraws: int = 0

    @property
    def name(self) -> str:
        """Of its files."""
        seed = "" if self.training_seed < 0 else f"__{self.training_seed:02d}"
        return f"{self.arm}__{self.topology}__{self.player.replace('+', '-')}{seed}"

    @property
    def learned(self) -> bool:
        """Whether agents are trained for it."""
        return self.player == LEARNED


@dataclass(frozen=True)
class Design:
    """A design, checked."""

    file: DesignFile
    text: str
    source: str
    """Where it was read, for errors and the record."""
    home: Path | None
    """The folder of its file, where scenarios beside it lie; None of a text."""

    @property
    def digest(self) -> str:
        """Of all but power and remarks: equal digests are the same design and criteria."""
        held = self.file.model_dump_json(exclude={"power", "remarks"})
        return hashlib.sha256(held.encode()).hexdigest()[:16]

    @property
    def forms(self) -> dict[str, Form]:
        """Its forms by name."""
        return self.file.forms.given()

    def form(self, name: str) -> Form:
        """The form of that name. Raises ``ScenarioError``."""
        forms = self.forms
        if name not in forms:
            raise ScenarioError(self.source, "forms", f"no form {name!r}", closest(name, forms))
        return forms[name]

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.file.arms if arm.name == name)

    def cells(self, form_name: str) -> Iterator[Cell]:
        """All cells of a form: rules first, then trainings seed by seed, so that a part of them is balanced."""
        form = self.form(form_name)
        arms = [arm for arm in self.file.arms if not form.arms or arm.name in form.arms]
        worlds = [(arm, place) for arm in arms for place in self.file.topologies[: form.topologies]]
        first = self.file.first_draw if form.first_draw is None else form.first_draw
        draws = range(first, first + form.draws)
        settings = {**self.file.training, **form.settings}

        def cell(arm: Arm, place: Topology, player: str, seed: int) -> Cell:
            return Cell(
                arm=arm.name,
                topology=place.name,
                player=player,
                training_seed=seed,
                scenario=self._located(place.scenario),
                overrides={**self.file.base, **arm.set, **arm.by_topology.get(place.name, {})},
                scale=arm.scale,
                timesteps=form.timesteps,
                settings=settings,
                draws=draws,
                incident_loss=self.file.incident_loss,
                incident_redraws=self.file.incident_redraws,
            )

        for arm, place in worlds:
            yield from (cell(arm, place, player, -1) for player in dict.fromkeys([IDLE, *self.file.players]))
        for seed in range(max(form.training_seeds, form.exploratory_seeds)):
            for arm, place in worlds:
                if seed < (form.exploratory_seeds if arm.exploratory else form.training_seeds):
                    yield cell(arm, place, LEARNED, form.first_seed + seed)

    def _located(self, scenario: str) -> str:
        beside = self.home / scenario if self.home is not None else None
        return str(beside) if beside is not None and beside.is_file() else scenario


def design_ids() -> tuple[str, ...]:
    """The bundled designs."""
    return bundled.ids("study")


def load_design(name: str | Path) -> Design:
    """A bundled design by its id, or a YAML file.

    Raises:
        ScenarioError: one line that names the file, the field and the mend.
    """
    return parse_design(*bundled.find(name, "study", "study"))


def parse_design(text: str, source: str, home: Path | None) -> Design:
    """A design from its text; see ``load_design``."""
    raw = parse_yaml(text, source)
    if not isinstance(raw, dict):
        raise ScenarioError(source, "study", "holds no mapping", "give id, title, topologies, arms, criteria, claims")
    file = check(DesignFile, raw, source)
    _check(file, source)
    return Design(file, text, source, home)


def _check(file: DesignFile, where: str) -> None:
    """What the schema cannot say."""
    arms = [arm.name for arm in file.arms]
    places = [place.name for place in file.topologies]
    for field, names in (("arms", arms), ("topologies", places), ("claims", [claim.id for claim in file.claims])):
        for name in names:
            if names.count(name) > 1:
                raise ScenarioError(where, field, f"{name!r} stands twice", "rename one")
    rules = (*policy_names(), *further())
    for player in file.players:
        if player not in rules:
            raise ScenarioError(where, "players", f"no rule {player!r}", closest(player, rules))
    for name in ("full", file.criteria.placebo):
        if name not in arms:
            raise ScenarioError(where, "arms", f"no arm {name!r}", closest(name, arms))
    for arm in file.arms:
        for name in arm.by_topology:
            if name not in places:
                at = f"arms.{arm.name}.by_topology"
                raise ScenarioError(where, at, f"no topology {name!r}", closest(name, places))
    for form_name, form in file.forms.given().items():
        if form_name != "full" and form.training_seeds >= file.criteria.least_training_seeds:
            mend = "give it fewer seeds than the criteria ask"
            raise ScenarioError(where, f"forms.{form_name}", "could decide a claim", mend)
        for name in form.arms:
            if name not in arms:
                raise ScenarioError(where, f"forms.{form_name}.arms", f"no arm {name!r}", closest(name, arms))
    known = (*TOTALS, *OVER_IDLE)
    for claim in file.claims:
        for test in claim.tests:
            at = f"claims.{claim.id}.{test.name}"
            for name in (*test.over, test.reference):
                if name not in arms:
                    raise ScenarioError(where, at, f"no arm {name!r}", closest(name, arms))
                if file.arms[arms.index(name)].exploratory:
                    raise ScenarioError(where, at, f"arm {name!r} is exploratory", "a claim needs arms of all seeds")
            if abs(sum(test.over.values())) > 1e-9:
                raise ScenarioError(where, at, "weights do not add up to 0", "balance them")
            if test.measure not in (*file.measures, *known):
                raise ScenarioError(where, at, f"unknown measure {test.measure!r}", closest(test.measure, known))
            if test.outside and test.measure not in (GAIN, WELFARE):
                raise ScenarioError(where, at, f"outside goes with {GAIN}, not {test.measure}", "leave it out")
