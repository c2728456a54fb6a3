"""Keyed draws: every exogenous draw is a pure function of (seed, purpose, uid, window).

Nothing an agent does moves a draw, nor does batch size, thread count or order. The mixing function is the 64-bit
finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
"""

from __future__ import annotations

import math

import numpy as np
from numba import uint64

from patchpact.agents.roles.compiled import compiled

BREADTH, KNOWN, AGE, EPSS, KEV, ATTEMPT, ATTEMPT_DAY, ENTRY, LATERAL = 1, 2, 3, 4, 5, 6, 7, 8, 9
REGRESSION_TRUTH, EFFORT_TRUTH, REVENUE_TRUTH, REACHABILITY, SIGNAL = 10, 11, 12, 13, 14
REGRESSION, SEASON, AGENDA, RECOGNITION, EPISODE, ACTION, PRIVATE = 15, 16, 17, 18, 19, 20, 21
AUDIT, LEAK, RESERVE, PERMUTATION, REDRAW, COMPLAINT, HOSTING = 22, 23, 24, 25, 26, 27, 28

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 2.0**-53


@compiled
def mix(x):  # type: ignore[no-untyped-def]
    """SplitMix64's finaliser, uint64 -> uint64."""
    z = uint64(x) + _GAMMA
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    return z ^ (z >> _S31)


@compiled
def stream(seed, purpose, window):  # type: ignore[no-untyped-def]
    """What all draws of a purpose in a window have in common: a loop over uids works it out once."""
    return mix(mix(uint64(seed) ^ mix(uint64(purpose))) ^ uint64(window))


@compiled
def uniform_of(common, uid):  # type: ignore[no-untyped-def]
    """``uniform(seed, purpose, uid, window)``, where ``common`` is ``stream(seed, purpose, window)``."""
    return float(mix(common ^ uint64(uid)) >> _S11) * _UNIT


@compiled
def key(seed, purpose, uid, window):  # type: ignore[no-untyped-def]
    """The 64 bits that belong to (seed, purpose, uid, window)."""
    return mix(stream(seed, purpose, window) ^ uint64(uid))


@compiled
def uniform(seed, purpose, uid, window):  # type: ignore[no-untyped-def]
    """A draw from [0, 1)."""
    return float(key(seed, purpose, uid, window) >> _S11) * _UNIT


@compiled
def normal(seed, purpose, uid, window):  # type: ignore[no-untyped-def]
    """A standard normal draw (Box and Muller)."""
    bits = key(seed, purpose, uid, window)
    u1 = (float(bits >> _S11) + 0.5) * _UNIT
    u2 = float(mix(bits) >> _S11) * _UNIT
    return math.sqrt(-2.0 * math.log(u1)) * math.cos(2.0 * math.pi * u2)


@compiled
def lognormal_mean_one(z, log_sd):  # type: ignore[no-untyped-def]
    """exp(log_sd z - log_sd^2 / 2): log-normal with mean 1."""
    return math.exp(log_sd * z - 0.5 * log_sd * log_sd)


@compiled
def episode_seed(base, episode):  # type: ignore[no-untyped-def]
    """The seed of a world's n-th episode; episode 0 is the one that ``reset`` starts."""
    return mix(uint64(base) ^ mix(uint64(EPISODE)) ^ uint64(episode) * _GAMMA)
