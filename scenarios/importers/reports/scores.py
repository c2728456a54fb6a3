"""Severity labels and CVSS base scores of a finding, chosen out of all that a tool states."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from cvss import CVSS2, CVSS3, CVSS4, CVSSError

_WORDS = {
    "error": "high", "warning": "medium", "note": "low", "important": "high", "moderate": "medium",
    "informational": "info", "informative": "info", "information": "info",
    "unknown": "", "undefined": "", "unspecified": "", "none": "", "unassigned": "",
}  # fmt: skip
_BANDS = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))


class Rating(NamedTuple):
    """A statement of a CVSS score: by number, by vector or both; `version` as 2, 3 or 4, 0 if not known."""

    score: float | None
    vector: str = ""
    version: int = 0


def severity_word(label: str) -> str:
    """A tool's label in common words: critical, high, medium, low, negligible, info, else as it is; "" if unknown.

    SARIF's and Semgrep's levels stand for high (error), medium (warning) and low (note), as GitHub shows them.
    """
    word = label.strip().lower()
    return _WORDS.get(word, word)


def severity_of_score(score: float) -> str:
    """The label of a CVSS v3 or v4 base score (the qualitative rating scale of its specification)."""
    return next((label for least, label in _BANDS if score >= least), "")


def best(ratings: Iterable[Rating]) -> tuple[float | None, str]:
    """Base score and vector of the rating to go by; (None, "") if there is none.

    Version 3 first, for EPSS, SSVC and the bundled data are used with it, then 4, then 2; within a version the
    order given (the source that the report trusts first). The published score stands, even where it is not
    what its vector gives; a score of 0 without a vector counts as not stated. Vectors that cannot be read
    are passed over.
    """
    ranked = []
    for position, rating in enumerate(ratings):
        version, computed, vector = _read(rating.vector, rating.version)
        score = rating.score if rating.score is not None and 0 < rating.score <= 10 else computed
        if score is not None:
            version = version or rating.version
            order = {3: 0, 4: 1, 2: 3}.get(version, 2)
            ranked.append((order, position, round(score, 1), vector))
    if not ranked:
        return None, ""
    _, _, score, vector = min(ranked)
    return score, vector


@lru_cache(maxsize=65_536)
def _read(vector: str, version: int) -> tuple[int, float | None, str]:
    """Version, base score and full spelling of a vector; (0, None, "") if it cannot be read."""
    text = vector.strip().strip("()")
    if not text or len(text) > 400:
        return 0, None, ""
    if not text.startswith("CVSS:"):
        if "/Au:" in text:
            version = 2
        else:
            text = f"CVSS:4.0/{text}" if version == 4 or "/AT:" in text else f"CVSS:3.1/{text}"
    try:
        if text.startswith("CVSS:4"):
            return 4, float(CVSS4(text).base_score), text
        if text.startswith("CVSS:3"):
            return 3, float(CVSS3(text).base_score), text
        return 2, float(CVSS2(text.removeprefix("CVSS:2.0/")).base_score), text
    except (CVSSError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError):
        return 0, None, ""
