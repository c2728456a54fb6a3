"""How many training seeds and draws the margin needs, from a pilot's variance.

The question: if removing a network truly changed nothing, how large must the study be to say so with probability
``POWER``, as the verdict does, by an effect below the margin after Holm's correction? With a normal approximation, and
in the worst case of that correction (no other of m predictions is told), the standard error may be at most
``margin / (z(1 - 0.025 / m) + z(POWER))`` (Chow, Shao and Wang, "Sample size calculations in clinical research",
non-superiority). An effect of training seed s and draw e, the mean of the topologies, is taken as
``mean + seed_s + draw_e + rest_se``; the three variances come from a two-way analysis of variance. Then
``SE^2 = var_seed / S + var_draw / E + var_rest / (S E)``: a draw is one seed in all topologies, and more of them are
not taken to bring more than one does. That is cautious where the pilot had fewer topologies.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from patchpact.training.folder import RunError
from patchpact.training.study.design import GAIN, LEARNED, WELFARE, Design
from patchpact.training.study.effects import differences, effect
from patchpact.training.study.raw import Floats
from patchpact.training.study.verdict import TAIL, read_study

POWER = 0.9
MOST_DRAWS, MOST_SEEDS = 2**20, 1000


def power(design: Design, pilot: str | Path) -> dict[str, Any]:
    """The design's ``power`` section, from a pilot's folder.

    Args:
        design: whose criteria and full form are asked about.
        pilot: a folder of ``patchpact study``, of this or another design that has the arms of the welfare predictions;
            at least two training seeds.

    Raises:
        RunError, ReportError: the folder cannot be read, or holds none of the predictions.
    """
    study = read_study(pilot)
    form, margin = design.form("full"), design.file.criteria.margin
    needed = []
    family = sum(len(claim.tests) for claim in design.file.claims)
    for claim in design.file.claims:
        for one in claim.tests:
            if one.measure not in (GAIN, WELFARE):
                continue
            weights = {(arm, LEARNED): weight for arm, weight in one.over.items()}
            cells = differences(study.raw, weights, one.measure, one.outside)
            gains = differences(study.raw, {(one.reference, LEARNED): 1.0}, GAIN)
            if cells is None or gains is None or len(cells[0]) < 2 or len({len(cell) for cell in cells}) > 1:
                continue
            gain = effect(gains).estimate.value
            row = _needed(np.mean(cells, 0), margin * gain, family, form.training_seeds, form.draws)
            needed.append({"claim": claim.id, "prediction": one.name, "gain_keur": _round(gain), **row})
    if not needed:
        raise RunError(
            f"{study.folder}: holds no prediction on the gain of {design.file.id} with two seeds; run more of it"
        )
    measured = [row for row in needed if row["margin_keur"] > 0.0]
    return {
        "pilot": {
            "study": study.design.file.id,
            "form": study.form,
            "training_seeds": study.design.form(study.form).training_seeds,
            "draws": study.design.form(study.form).draws,
            "topologies": len(study.raw.topologies),
            "missing_cells": study.missing,
        },
        "question": f"an effect of 0: said to be below {100 * margin:g}% of the gain, with probability {POWER:g}",
        "full_form": {"training_seeds": form.training_seeds, "draws": form.draws},
        "family": family,
        "enough": bool(measured) and len(measured) == len(needed) and all(row["enough"] for row in measured),
        "predictions": needed,
    }


def variances(cell: Floats) -> tuple[float, float, float]:
    """Of seeds, draws and the rest, from ``(seeds, draws)`` (two-way analysis of variance, one value a cell)."""
    seeds, draws = cell.shape
    by_seed, by_draw, whole = cell.mean(1), cell.mean(0), cell.mean()
    rest = cell - by_seed[:, None] - by_draw[None] + whole
    of_rest = float((rest**2).sum()) / ((seeds - 1) * (draws - 1))
    of_seed = max(0.0, (draws * float(by_seed.var(ddof=1)) - of_rest) / draws)
    of_draw = max(0.0, (seeds * float(by_draw.var(ddof=1)) - of_rest) / seeds)
    return of_seed, of_draw, of_rest


def _needed(cell: Floats, margin: float, family: int, seeds: int, draws: int) -> dict[str, Any]:
    seed, draw, rest = variances(cell)
    most = margin / float(special.ndtri(1.0 - TAIL / family) + special.ndtri(POWER))

    def error(s: int, e: int) -> float:
        return math.sqrt(seed / s + draw / e + rest / (s * e))

    fits_draws = [2**n for n in range(5, 21) if error(seeds, 2**n) <= most]
    fits_seeds = [s for s in range(2, MOST_SEEDS + 1) if error(s, draws) <= most]
    return {
        "margin_keur": _round(margin),
        "sd_seed_keur": _round(math.sqrt(seed)),
        "sd_draw_keur": _round(math.sqrt(draw)),
        "sd_rest_keur": _round(math.sqrt(rest)),
        "half_width_keur": _round(float(special.ndtri(1.0 - TAIL)) * error(seeds, draws)),
        "draws_needed": fits_draws[0] if fits_draws else f"more than {MOST_DRAWS} with {seeds} seeds",
        "seeds_needed": fits_seeds[0] if fits_seeds else f"more than {MOST_SEEDS} with {draws} draws",
        "enough": error(seeds, draws) <= most,
    }


def _round(value: float) -> float:
    return float(f"{value:.4g}")
