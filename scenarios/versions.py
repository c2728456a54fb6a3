"""Versions as scanners write them, read by their numbers alone."""

from __future__ import annotations

import re
from collections.abc import Sequence


def numbers(text: str) -> tuple[int, ...]:
    """The first one to four numbers of a version: `v1.2.3-beta` is (1, 2, 3); () when there are none."""
    match = re.search(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,3}", text)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def version_jump(version: str, fixed_version: str) -> str:
    """`patch`, `minor` or `major` by the first number that differs; `minor` when unreadable."""
    old, new = numbers(version), numbers(fixed_version)
    if not old or not new:
        return "minor"
    width = max(len(old), len(new), 3)
    pairs = zip(old + (0,) * (width - len(old)), new + (0,) * (width - len(new)), strict=True)
    for level, (a, b) in zip(("major", "minor"), pairs, strict=False):
        if a != b:
            return level
    return "patch"


def latest(versions: Sequence[str]) -> str:
    """The highest version of a list, compared by its numbers; "" for an empty list."""
    return max(versions, key=lambda text: (numbers(text), text), default="")


def raised(version: str, jump: str) -> str:
    """The next version after a `patch`, `minor` or `major` jump."""
    major, minor, patch = (*numbers(version), 0, 0, 0)[:3]
    if jump == "major":
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if jump == "minor" else f"{major}.{minor}.{patch + 1}"
