"""Versions are read by their numbers."""

import pytest

from patchpact.scenarios.versions import latest, numbers, raised, version_jump


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1.2.3", (1, 2, 3)),
        ("v1.2.3-beta", (1, 2, 3)),
        ("16", (16,)),
        ("4.3.6.RELEASE", (4, 3, 6)),
        ("1.2.3.4.5", (1, 2, 3, 4)),
        ("latest", ()),
        ("", ()),
        ("1.²", (1,)),
        ("٣.٤", ()),
    ],
)
def test_numbers(text: str, found: tuple[int, ...]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("version", "fixed", "jump"),
    [
        ("1.21.3", "1.21.9", "patch"),
        ("1.21.3", "1.22.0", "minor"),
        ("14", "18.18.2", "major"),
        ("v0.17.0", "0.23.0", "minor"),
        ("1.2.3", "1.2.3.1", "patch"),
        ("1.2", "1.2.0", "patch"),
        ("", "1.0", "minor"),
        ("latest", "1.0", "minor"),
        ("1.0", "", "minor"),
    ],
)
def test_jump(version: str, fixed: str, jump: str) -> None:
    assert version_jump(version, fixed) == jump


def test_latest_compares_numbers() -> None:
    assert latest(["1.9.0", "1.10.0", "1.2.0"]) == "1.10.0"
    assert latest([]) == ""


@pytest.mark.parametrize("version", ["1.2.3", "1.2.3-beta", "v1.2.3", "1.2.3.RELEASE", "1.²", "x", ""])
def test_a_raised_version_is_higher(version: str) -> None:
    for jump in ("patch", "minor", "major"):
        higher = raised(version, jump)
        assert numbers(higher) > (*numbers(version), 0, 0, 0)[:3]
        assert version_jump(version, higher) == (jump if numbers(version) else "minor")
