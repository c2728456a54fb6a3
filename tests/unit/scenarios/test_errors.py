"""Errors are one printable line of bounded length, whatever the user wrote."""

import pickle

import pytest

from patchpact.scenarios.errors import ScenarioError, closest, shown


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_a_line_of_place_field_problem_and_mend() -> None:
    error = ScenarioError("shop.yaml", "windows", "-1 is out of range", "write 1..520")
    assert str(error) == "shop.yaml: windows: -1 is out of range; write 1..520"
    assert (error.where, error.field, error.problem, error.mend) == (
        "shop.yaml",
        "windows",
        "-1 is out of range",
        "write 1..520",
    )
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("text", ["a\nb", "a\r\n\tb", "a\x1b[31mb", "a\u2028b", "a\x00b", "\ud800"])
def test_nothing_breaks_the_line_or_commands_a_terminal(text: str) -> None:
    for parts in ((text, "f", "p", "m"), ("w", text, "p", "m"), ("w", "f", text, "m"), ("w", "f", "p", text)):
        line = str(ScenarioError(*parts))
        assert line.isprintable()
        line.encode("utf-8")


def test_length_is_bounded_and_both_ends_stay() -> None:
    line = str(ScenarioError("/tmp/" + "d" * 9000 + "/shop.yaml", "f" * 9000, "p" * 9000, "m" * 9000))
    assert len(line) < 1400
    assert "/shop.yaml: f" in line
    assert len(shown("x" * 10**7)) <= 80


def test_a_picklable_error() -> None:
    error = pickle.loads(pickle.dumps(ScenarioError("a", "b", "c", "d")))  # noqa: S301
    assert str(error) == "a: b: c; d"
    assert error.field == "b"


def test_anything_can_be_shown() -> None:
    loop: list[object] = []
    loop.append(loop)
    deep: object = 0
    for _ in range(10_000):
        deep = [deep]
    values = [Hostile(), [Hostile()], 10**6000, float("nan"), {"a": [1] * 10**5}, b"\xff", loop, deep]
    for value in values:
        text = shown(value)
        assert text.isprintable()
        assert 0 < len(text) <= 80


def test_closest_name_else_the_first_ones() -> None:
    assert closest("widows", ["quota", "windows"]) == "did you mean 'windows'?"
    assert closest("zzz", ["quota", "windows"]) == "use one of 'quota', 'windows'"
    assert closest("zzz", [f"n{k}" for k in range(20)]).endswith("'n11', ...")
    assert closest("zzz", []) == "remove it"
    assert closest("w" * 10**6, ["windows"]) == "use one of 'windows'"
