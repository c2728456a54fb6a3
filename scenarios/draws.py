"""Keyed draws: the same (seed, purpose, uid, index) always gives the same number.

Nothing here depends on names or on positions in a list, so a world keeps its drawn attributes when
services are renamed or permuted.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from zlib import crc32

_MASK = (1 << 64) - 1
_NORMAL = NormalDist()


def _mix(x: int) -> int:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


@lru_cache(maxsize=4096)
def _stream(seed: int, purpose: str) -> int:
    return _mix((_mix((seed + 0x9E3779B97F4A7C15) & _MASK) + crc32(purpose.encode())) & _MASK)


def uniform(seed: int, purpose: str, uid: int, index: int = 0) -> float:
    """A number in (0, 1)."""
    x = _mix((_stream(seed, purpose) + uid * 0x9E3779B97F4A7C15 + index * 0xD1B54A32D192ED03) & _MASK)
    return ((_mix(x) >> 11) + 0.5) / (1 << 53)


def normal(seed: int, purpose: str, uid: int, index: int = 0) -> float:
    """A standard normal number."""
    return _NORMAL.inv_cdf(uniform(seed, purpose, uid, index))


def log_normal(median: float, log_sd: float, seed: int, purpose: str, uid: int, index: int = 0) -> float:
    """A log-normal number."""
    return median * math.exp(log_sd * normal(seed, purpose, uid, index))


def between(low: float, high: float, seed: int, purpose: str, uid: int, index: int = 0) -> float:
    """A number in (low, high)."""
    return low + (high - low) * uniform(seed, purpose, uid, index)


def pick(cumulative: Sequence[float], u: float) -> int:
    """The index drawn by `u` from cumulative weights (the last one is the total)."""
    return min(bisect_right(cumulative, u * cumulative[-1]), len(cumulative) - 1)
