"""Suites: which worlds a benchmark is made of, with which seeds. A suite is one YAML file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from patchpact.scenarios import Scenario, ScenarioError, load_scenario
from patchpact.scenarios.errors import closest
from patchpact.scenarios.files import parse_yaml
from patchpact.scenarios.schema import Model, check
from patchpact.training import bundled


class Seeds(Model):
    """A range of world seeds."""

    first: int = Field(ge=0, lt=2**62)
    count: int = Field(ge=1, le=2**62)

    def overlaps(self, other: Seeds) -> bool:
        """Whether a seed lies in both."""
        return self.first < other.first + other.count and other.first < self.first + self.count


class World(Model):
    """A scenario with parameters set; ``label`` names it in tables, its id if left out."""

    scenario: str
    label: str = ""
    set: dict[str, Any] = Field(default_factory=dict)
    episodes: int | None = Field(default=None, ge=1)
    planner_episodes: int | None = Field(default=None, ge=1)
    yardstick_episodes: int | None = Field(default=None, ge=1)


class Track(Model):
    """Worlds that ask the same of a policy."""

    name: str = Field(min_length=1)
    description: str
    seeds: Literal["train", "test"] = "test"
    worlds: list[World] = Field(min_length=1)


class SuiteFile(Model):
    """What a suite's YAML file holds."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    description: str
    train_seeds: Seeds
    validation_seeds: Seeds
    test_seeds: Seeds
    planner_episodes: int = Field(default=32, ge=1)
    """Worlds that planners and references play, the first of the seeds: they take their time."""
    yardstick_episodes: int = Field(default=32, ge=1)
    """Worlds that ``informed`` plays: scores of all policies rest on it."""
    stories: list[str] = Field(default_factory=list)
    tracks: list[Track] = Field(min_length=1)


@dataclass(frozen=True)
class Cell:
    """One world of a suite, ready to play: incident losses are drawn."""

    track: str
    label: str
    scenario: Scenario
    seeds: range
    planner_episodes: int
    """How many of the seeds planners and references play."""
    yardstick_episodes: int
    """How many of the seeds ``informed`` plays."""


@dataclass(frozen=True)
class Suite:
    """A suite, checked."""

    file: SuiteFile
    digest: str
    """Of its text: two benchmarks with equal digests played the same worlds."""

    @property
    def id(self) -> str:
        """The suite's name."""
        return self.file.id

    def cells(self, tracks: tuple[str, ...] = ()) -> tuple[Cell, ...]:
        """Its worlds, of the named tracks or of all. Raises ``ScenarioError`` for an unknown track or scenario."""
        known = [track.name for track in self.file.tracks]
        for name in tracks:
            if name not in known:
                raise ScenarioError(self.id, "tracks", f"no track {name!r}", closest(name, known))
        found = []
        for track in self.file.tracks:
            if tracks and track.name not in tracks:
                continue
            seeds = self.file.train_seeds if track.seeds == "train" else self.file.test_seeds
            for world in track.worlds:
                scenario = load_scenario(world.scenario, **world.set).with_parameters(incident_loss="sampled")
                count = min(world.episodes or self.file.test_seeds.count, self.file.test_seeds.count)
                planned = min(world.planner_episodes or self.file.planner_episodes, count)
                measured = min(world.yardstick_episodes or self.file.yardstick_episodes, count)
                here = range(seeds.first, seeds.first + count)
                found.append(Cell(track.name, world.label or world.scenario, scenario, here, planned, measured))
        return tuple(found)


def suite_ids() -> tuple[str, ...]:
    """The bundled suites."""
    return bundled.ids("suites")


def load_suite(name: str | Path) -> Suite:
    """A bundled suite by its id, or a YAML file.

    Raises:
        ScenarioError: one line that names the file, the field and the mend.
    """
    text, source, _ = bundled.find(name, "suites", "suite")
    raw = parse_yaml(text, source)
    if not isinstance(raw, dict):
        raise ScenarioError(source, "suite", "holds no mapping", "give id, title, tracks and seeds")
    file = check(SuiteFile, raw, source)
    _check(file, source)
    return Suite(file, hashlib.sha256(text.encode()).hexdigest()[:16])


def _check(file: SuiteFile, where: str) -> None:
    ranges = {name: getattr(file, name) for name in ("train_seeds", "validation_seeds", "test_seeds")}
    names = list(ranges)
    for n, one in enumerate(names):
        for other in names[n + 1 :]:
            if ranges[one].overlaps(ranges[other]):
                raise ScenarioError(where, one, f"shares seeds with {other}", "keep the ranges apart")
    seen: set[str] = set()
    for track in file.tracks:
        for world in track.worlds:
            label = world.label or world.scenario
            if label in seen:
                raise ScenarioError(where, f"tracks.{track.name}", f"{label!r} stands twice", "give one a label")
            seen.add(label)
