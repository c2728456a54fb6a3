"""The verdict on every claim, from raw episodes and the design's criteria alone.

A claim predicts effects above 0, each a weighted sum of arms (``Prediction``). The margin is a share of what the
reference arm gains over doing nothing in it; for measures other than gain and welfare, of the reference arm's level. Of
an effect is said:

- ``fails``: it is below the margin, so at most negligible or of the wrong sign (for "the full arm beats the arm
  without a network" that is: equivalent within the margin, or better; the upper half of two one-sided tests);
- ``holds``: it is above 0 (and not shown to be below the margin);
- ``unclear``: neither, or the reference arm's gain has an interval that includes 0.

``holds`` and ``fails`` ask for both the 95% interval and Holm's correction over all predictions of all claims, one
family for each of the two, at half of 5% each, one-sided. An interval that includes 0 and effects above the margin
decides nothing: that is noise, not absence.

A claim is ``supported`` if all its predictions hold (a claim about ANY network is a conjunction), ``refuted`` if one
fails, else ``undecided``; and ``undecided`` in any case where cells are missing, the form is smaller than the criteria
ask, the design is not the one that the study began with, or removing the placebo moves welfare.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from patchpact.training.stats import LEVEL, Estimate
from patchpact.training.study.design import GAIN, LEARNED, WELFARE, Design, Prediction, parse_design
from patchpact.training.study.effects import NOT_THERE, Effect, differences, effect, holm
from patchpact.training.study.raw import Floats, Raw, read_raw
from patchpact.training.study.runner import read_manifest

SUPPORTED, REFUTED, UNDECIDED = "supported", "refuted", "undecided"
HOLDS, FAILS, UNCLEAR = "holds", "fails", "unclear"
NOT_TESTED = "not tested"
TAIL = (1.0 - LEVEL) / 2.0


@dataclass(frozen=True)
class Finding:
    """What came of one prediction."""

    name: str
    measure: str
    outside: str | None
    over: dict[str, float]
    effect: Estimate
    margin: float
    """What counts as none, in the measure's unit."""
    p_above: float
    """After Holm's correction: of the effect, if there were none."""
    p_negligible: float
    """After Holm's correction: of the effect, if it were as large as the margin."""
    outcome: str
    why: str


@dataclass(frozen=True)
class Ruling:
    """What is said of a claim."""

    id: str
    title: str
    verdict: str
    why: str
    mechanisms: list[str]
    findings: list[Finding]


@dataclass(frozen=True)
class Verdict:
    """All rulings, and what stands in the way of deciding."""

    rulings: list[Ruling]
    obstacles: list[str]
    """Why nothing may be decided, if anything."""
    notes: list[str]
    gain: Estimate
    """Of the arm ``full`` over doing nothing, k€ an episode."""
    placebo: Estimate
    """What removing the placebo costs, k€ an episode."""
    not_tested: dict[str, str]
    registered: dict[str, Any] | None
    digest: str


@dataclass(frozen=True)
class Study:
    """A study's folder, read."""

    folder: Path
    design: Design
    form: str
    raw: Raw
    missing: int
    cells: int
    manifest: Mapping[str, Any]


def read_study(folder: str | Path) -> Study:
    """Read a folder that ``patchpact study`` wrote. Raises ``RunError``, ``ReportError`` or ``ScenarioError``."""
    place = Path(folder)
    manifest = read_manifest(place)
    kept = place / "design.yaml"
    design = parse_design(kept.read_text(encoding="utf-8"), str(kept), None)
    form = str(manifest["form"])
    cells = list(design.cells(form))
    raw = read_raw(place)
    missing = sum(
        not raw.holds(cell.arm, cell.topology, cell.player, cell.training_seed, tuple(cell.draws)) for cell in cells
    )
    return Study(place, design, form, raw, missing, len(cells), manifest)


def judge_study(study: Study) -> Verdict:
    """The verdict on a study's folder."""
    notes = []
    registered = study.manifest.get("registered")
    obstacles = _too_small(study.design, study.form)
    if study.manifest.get("digest") != study.design.digest:
        obstacles.insert(0, "the design in the folder is not the one that the study began with: no pre-registration")
    elif registered is None:
        notes.append("The design was in no checkout when the study began: nothing tells that it came first.")
    elif not registered.get("as_committed"):
        notes.append("The design had changes that were not committed when the study began: exploratory.")
    commits = study.manifest.get("commits") or ()
    if len(commits) > 1:
        notes.append(f"Played by {len(commits)} versions of the code, one after the other: {', '.join(commits)}.")
    if study.missing:
        obstacles.insert(0, f"{study.missing} of {study.cells} cells are not played yet")
    return judge(study.design, study.raw, obstacles, notes, registered)


def judge(
    design: Design,
    raw: Raw,
    obstacles: list[str] | None = None,
    notes: list[str] | None = None,
    registered: dict[str, Any] | None = None,
) -> Verdict:
    """The verdict on raw episodes.

    Args:
        design: with the claims and criteria.
        raw: the episodes.
        obstacles: reasons for which nothing is decided.
        notes: for the reader.
        registered: the design's commit.
    """
    criteria = design.file.criteria
    gain = effect(differences(raw, {("full", LEARNED): 1.0}, GAIN))
    placebo = effect(differences(raw, {("full", LEARNED): 1.0, (criteria.placebo, LEARNED): -1.0}, WELFARE))
    stops = list(obstacles or [])
    if _moves(placebo.estimate, criteria.margin * abs(gain.estimate.value)):
        stops.append(f"removing the placebo moves welfare by {_told(placebo.estimate)} k€: the study is unsound")
    predictions = [prediction for claim in design.file.claims for prediction in claim.tests]
    measured = [_measure(raw, prediction, criteria.margin) for prediction in predictions]
    above = holm([one.effect.p_above for one in measured])
    negligible = holm([one.less.p_below for one in measured])
    findings = [
        _finding(prediction, one, p, q)
        for prediction, one, p, q in zip(predictions, measured, above, negligible, strict=True)
    ]
    rulings = []
    for claim in design.file.claims:
        here, findings = findings[: len(claim.tests)], findings[len(claim.tests) :]
        verdict, why = _rule(here, stops)
        rulings.append(Ruling(claim.id, claim.title, verdict, why, claim.mechanisms, here))
    not_tested = {one.id: one.why for one in design.file.not_tested}
    return Verdict(rulings, stops, notes or [], gain.estimate, placebo.estimate, not_tested, registered, design.digest)


@dataclass(frozen=True)
class _Measured:
    effect: Effect
    less: Effect
    """The effect less the margin."""
    gain: Effect
    """Of the reference arm."""

    @property
    def margin(self) -> float:
        return self.effect.estimate.value - self.less.estimate.value


def _measure(raw: Raw, prediction: Prediction, margin: float) -> _Measured:
    reference = {(prediction.reference, LEARNED): 1.0}
    gains = differences(raw, reference, GAIN)
    weights = {(arm, LEARNED): weight for arm, weight in prediction.over.items()}
    cells = differences(raw, weights, prediction.measure, prediction.outside)
    scale = gains if prediction.measure == WELFARE else differences(raw, reference, prediction.measure)
    if cells is None or gains is None or scale is None:
        return _Measured(NOT_THERE, NOT_THERE, NOT_THERE)
    less = [_less(cell, margin * at) for cell, at in zip(cells, scale, strict=True)]
    return _Measured(effect(cells), effect(less), effect(gains))


def _less(cell: Floats, margin: Floats) -> Floats:
    """The effect less the margin run by run; where runs differ in number, less its mean over runs."""
    return cell - (margin if len(margin) == len(cell) else margin.mean(0, keepdims=True))


def _finding(prediction: Prediction, one: _Measured, p_above: float, p_negligible: float) -> Finding:
    outcome, why = _outcome(one, p_above, p_negligible)
    return Finding(
        prediction.name,
        prediction.measure,
        prediction.outside,
        prediction.over,
        one.effect.estimate,
        one.margin,
        p_above,
        p_negligible,
        outcome,
        why,
    )


def _outcome(one: _Measured, p_above: float, p_negligible: float) -> tuple[str, str]:
    estimate = one.effect.estimate
    if math.isnan(estimate.value) or math.isnan(estimate.low):
        return UNCLEAR, "not measured"
    if not one.gain.estimate.low > 0.0:
        return UNCLEAR, f"the reference arm gains {_told(one.gain.estimate)} k€, an interval that does not exclude 0"
    if one.less.estimate.high < 0.0 and p_negligible < TAIL:
        return FAILS, "of the wrong sign" if estimate.high < 0.0 else "at most negligible"
    if estimate.low > 0.0 and p_above < TAIL:
        return HOLDS, "above 0"
    if estimate.low > 0.0 or one.less.estimate.high < 0.0:
        return UNCLEAR, "not after Holm's correction"
    return UNCLEAR, "the interval includes 0 and effects above the margin"


def _rule(findings: list[Finding], stops: list[str]) -> tuple[str, str]:
    if stops:
        return UNDECIDED, "; ".join(stops)
    failed = [one.name for one in findings if one.outcome == FAILS]
    if failed:
        return REFUTED, f"{len(failed)} of {len(findings)} predictions fail: {'; '.join(failed)}"
    unclear = [one.name for one in findings if one.outcome == UNCLEAR]
    if unclear:
        return UNDECIDED, f"{len(unclear)} of {len(findings)} predictions are unclear: {'; '.join(unclear)}"
    return SUPPORTED, f"all {len(findings)} predictions hold"


def _too_small(design: Design, form_name: str) -> list[str]:
    form, criteria = design.form(form_name), design.file.criteria
    asked = {
        "training seeds": (form.training_seeds, criteria.least_training_seeds),
        "topologies": (form.topologies, criteria.least_topologies),
        "draws": (form.draws, criteria.least_draws),
    }
    return [
        f"the {form_name} form has {has} {what}, the criteria ask for {least}"
        for what, (has, least) in asked.items()
        if has < least
    ]


def _moves(estimate: Estimate, margin: float) -> bool:
    """Whether an effect that should be none is neither around 0 nor within the margin."""
    return bool(np.isfinite(estimate.low)) and not (
        estimate.low <= 0.0 <= estimate.high or (-margin < estimate.low and estimate.high < margin)
    )


def _told(estimate: Estimate) -> str:
    return f"{estimate.value:.1f} ({estimate.low:.1f} to {estimate.high:.1f})"
