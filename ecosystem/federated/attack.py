"""Membership inference: how well can an attacker tell whether one person was in the data? Measured, beside the bound.

Two attackers face a tenant with and without one striking person:
- ``loss``: sees the released model, takes the person for a member where its loss is low (Yeom et al., 2018, "Privacy
  risk in machine learning"); the others are drawn anew each time;
- ``worst case``: sees every round's noisy sum and knows all others: it adds up how far the sums lie in the person's
  direction, the best test there is for this person (Nasr et al., 2021, "Adversary instantiation"); its gradient falls
  below the clip norm as the model learns it, so another person might be told yet better.

The advantage is the rate of true less that of false alarms. Under (epsilon, delta) none exceeds
(e^epsilon - 1 + 2 delta) / (e^epsilon + 1) (Kairouz, Oh and Viswanath, 2015, "The composition theorem for differential
privacy"). Thresholds are chosen on half of the trials, rates are of the other half.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from patchpact.ecosystem.federated.market import Market, draw_persons, draw_tenants
from patchpact.ecosystem.federated.model import CENTRES, SIZE, Examples, Training, examples, local_steps, logistic
from patchpact.ecosystem.federated.noise import Noise, SeededNoise
from patchpact.ecosystem.federated.persons import Bools, Floats

_PLAIN = np.array([1.0, -1.0, -1.0, 1.0, 1.0, 1.0, 1.0]) - CENTRES
PERSON = np.concatenate([_PLAIN, -0.5 * _PLAIN])
"""The striking person's terms ``(SIZE,)``: met everywhere, inactive, held out, and yet converted."""


@dataclass(frozen=True)
class Advantage:
    """Of an attacker, with a 95% interval (two exact binomial intervals at 97.5%)."""

    value: float
    low: float
    high: float


def bound(epsilon: float, delta: float) -> float:
    """The most that any attacker's advantage can be."""
    if epsilon > 500.0:
        return 1.0
    return min(1.0, (math.expm1(epsilon) + 2.0 * delta) / (math.exp(epsilon) + 1.0))


def attack(
    noise_multiplier: float, training: Training, trials: int, rng: Generator, persons: int = 100
) -> tuple[Advantage, Advantage]:
    """Advantages of the loss attacker and of the worst case.

    Args:
        noise_multiplier: of the model's rounds.
        training: its settings; all persons take part in all rounds.
        trials: how often the person is in, and as often not.
        rng: for made-up persons and noise.
        persons: the others in the tenant.
    """
    member = np.arange(2 * trials) < trials
    noise = SeededNoise(int(rng.integers(2**62)))
    loss, _ = _scores(noise_multiplier, training, member, persons, False, noise, rng)
    _, worst = _scores(noise_multiplier, training, member, persons, True, noise, rng)
    return _advantage(-loss, member), _advantage(worst, member)


def _scores(
    noise_multiplier: float, training: Training, member: Bools, persons: int, same: bool, noise: Noise, rng: Generator
) -> tuple[Floats, Floats]:
    """The person's loss, and how far the rounds lie in its direction ``(trials,)``; others drawn anew, or the ``same``.

    Each trial is a tenant that trains alone, by the code that all training uses.
    """
    trials = len(member)
    market = Market()
    truth = draw_tenants(market, 1, rng)
    drawn, _ = draw_persons(market, truth, np.array([persons * (1 if same else trials)]), rng)
    told = examples(drawn)
    repeats = trials if same else 1
    others = Examples(
        np.tile(told.terms, (repeats, 1)),
        np.tile(told.converted, repeats),
        np.repeat(np.arange(trials), persons),
        trials,
    )
    everyone = _with_person(others, member)
    counts, all_in = np.full(trials, persons + 0.5), np.ones(trials, bool)
    step = replace(training, local_steps=1, sampling_probability=1.0)
    weights, towards = np.zeros((trials, SIZE)), np.zeros(trials)
    for _ in range(training.releases):
        after = local_steps(weights, everyone, counts, step, noise_multiplier, noise, all_in)
        without = local_steps(weights, others, counts, step, 0.0, noise, all_in)
        surplus = (without - after) * counts[:, None] / step.learning_rate  # of the noisy sum over the others'
        miss = logistic(weights @ PERSON) - 1.0
        cut = np.minimum(1.0, step.clip_norm / (np.abs(miss) * np.linalg.norm(PERSON) + 1e-6)) * miss
        own = cut[:, None] * PERSON
        towards += ((surplus - 0.5 * own) * own).sum(1)
        weights = after
    return np.logaddexp(0.0, -(weights @ PERSON)), towards


def _with_person(others: Examples, member: Bools) -> Examples:
    """The others, and the person among them where it is a member."""
    trials = np.flatnonzero(member)
    tenant = np.concatenate([others.tenant, trials])
    order = np.argsort(tenant, kind="stable")
    return Examples(
        np.vstack([others.terms, np.tile(PERSON, (len(trials), 1))])[order],
        np.concatenate([others.converted, np.ones(len(trials))])[order],
        tenant[order],
        others.tenants,
    )


def _advantage(score: Floats, member: Bools) -> Advantage:
    """High scores are taken for members."""
    from scipy.stats import beta

    learnt = np.arange(len(score)) % 2 == 0
    known, answers = score[learnt], member[learnt]
    order = np.argsort(-known, kind="stable")
    gains = np.cumsum(np.where(answers[order], 1.0 / answers.sum(), -1.0 / (~answers).sum()))
    threshold = known[order[int(gains.argmax())]]
    said = score[~learnt] >= threshold
    asked = member[~learnt]

    def rate(hits: int, of: int) -> tuple[float, float, float]:
        low = 0.0 if hits == 0 else float(beta.ppf(0.0125, hits, of - hits + 1))
        high = 1.0 if hits == of else float(beta.ppf(0.9875, hits + 1, of - hits))
        return hits / of, low, high

    true, false = rate(int(said[asked].sum()), int(asked.sum())), rate(int(said[~asked].sum()), int((~asked).sum()))
    return Advantage(true[0] - false[0], true[1] - false[2], true[2] - false[1])
