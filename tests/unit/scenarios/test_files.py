"""Files of others: bounded, without code, one line for whatever is wrong."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from patchpact.scenarios import files
from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.files import parse_csv, parse_json, parse_yaml, read_text

Write = Callable[..., Path]


def line_of(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    with pytest.raises(ScenarioError) as caught:
        call(*arguments, **named)
    line = str(caught.value)
    assert line.isprintable()
    return line


def test_yaml_values_are_those_of_yaml_1_2() -> None:
    text = """
    number: 1e-3
    also: -1.5E+3
    half: .5
    whole: +12
    text: no
    date: 2024-01-01
    clock: 1:30
    padded: 007
    version: 1.2.3
    hash: 12345e
    quoted: '5'
    nothing:
    tilde: ~
    yes: true
    =: 1
    <<: 2
    """
    assert parse_yaml(text, "w") == {
        "number": 0.001,
        "also": -1500.0,
        "half": 0.5,
        "whole": 12,
        "text": "no",
        "date": "2024-01-01",
        "clock": "1:30",
        "padded": "007",
        "version": "1.2.3",
        "hash": "12345e",
        "quoted": "5",
        "nothing": None,
        "tilde": None,
        "yes": True,
        "=": 1,
        "<<": 2,
    }
    assert isinstance(parse_yaml("a: 12", "w")["a"], int)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a: !!python/object/apply:os.system ['true']", ("w: line 1: the tag", "leave the tag out")),
        ("a: !!python/name:os.system ''", ("the tag",)),
        ("a: !!int x", ("the tag",)),
        ("a: !!timestamp x", ("the tag",)),
        ("a: ! x", ("the tag '!'",)),
        ("a: &x 1\nb: *x", ("w: line 1: anchors",)),
        ("a: *x", ("anchors and aliases are not read", "write the value out")),
        ("a: 1\nb: 2\na: 3", ("w: line 3: 'a' twice in one mapping", "keep one")),
        ("a:\n  b: {c: 1, c: 2}", ("w: line 2: 'c' twice",)),
        ("1: a\n1.0: b", ("twice in one mapping",)),
        ("[1, 2]: a", ("[1, 2] as a key",)),
        ("? {a: 1}\n: b", ("as a key",)),
        ("~: a", ("None as a key",)),
        ("a: .nan", ("w: a: nan is no finite number",)),
        ("a: [1, {b: -.inf}]", ("w: a[1].b: -inf is no finite number",)),
        ("a: 1e999", ("w: a: inf is no finite number",)),
        ("a: [1", ("w: line",)),
        ("a: b: c", ("w: line 1: mapping values",)),
        ("a: 1\n---\nb: 2", ("single document",)),
        ("a: '\x01'", ("control characters",)),
        ('a: "\\uD800"', ("invalid Unicode",)),
        ("%NO\n---\na: 1", ("w: line 1",)),
        ("\t", ("w: line 1",)),
        ("@", ("w: line 1",)),
    ],
)
def test_yaml_refusals(text: str, parts: tuple[str, ...]) -> None:
    line = line_of(parse_yaml, text, "w")
    assert all(part in line for part in parts), line


def test_a_bomb_is_refused_before_it_is_built() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    bomb += "".join(f"a{k}: &a{k} [{','.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 30))
    assert "anchors" in line_of(parse_yaml, bomb, "w")


@pytest.mark.parametrize("depth", [33, 100, 20_000])
def test_depth_is_bounded(depth: int) -> None:
    text = "[" * depth + "]" * depth
    assert "deep" in line_of(parse_yaml, text, "w")
    assert "deep" in line_of(parse_json, text, "w")
    assert "deep" in line_of(parse_json, '{"a":' * depth + "1" + "}" * depth, "w")


def test_number_of_yaml_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_VALUES", 100)
    assert "too many values" in line_of(parse_yaml, "[" + "1," * 100 + "1]", "w")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("NaN", ("w: file: nan is no finite number",)),
        ('{"nodes": [{"loss_keur": NaN}]}', ("w: nodes[0].loss_keur: nan is no finite number",)),
        ('{"a": -Infinity}', ("w: a: -inf is no finite number",)),
        ('{"a": 1e999}', ("w: a: inf is no finite number",)),
        ('{"a": 1, "a": 2}', ("w: 'a': twice in one object",)),
        ("{", ("w: line 1",)),
        ('{"a": 1}\n\nx', ("w: line 3",)),
        ("1" * 5000, ("w: file:",)),
        ("{'a': 1}", ("w: line 1", "correct the JSON")),
    ],
)
def test_json_refusals(text: str, parts: tuple[str, ...]) -> None:
    line = line_of(parse_json, text, "w")
    assert all(part in line for part in parts), line


def read_csv(text: str) -> list[tuple[int, dict[str, Any]]]:
    return parse_csv(text, "w", ["name", "count", "share", "on"], ["count"], ["share"], ["on"])


def test_csv_rows_have_types_and_lines() -> None:
    rows = read_csv('name,count,share,on\n"a, b",1,0.5,yes\n\n"x\ny",,,0\r\nz,2,1e-3,TRUE\n')
    assert rows == [
        (2, {"name": "a, b", "count": 1, "share": 0.5, "on": True}),
        (5, {"name": "x\ny", "on": False}),
        (6, {"name": "z", "count": 2, "share": 0.001, "on": True}),
    ]
    assert read_csv("name,on\n") == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("name,cuont\na,1\n", ("w: line 1, cuont: unknown column", "did you mean 'count'?")),
        ("name;count\na;1\n", ("w: line 1", "unknown column")),
        ("name,name\na,b\n", ("w: line 1: a column stands twice",)),
        ("name,count\na\n", ("w: line 2: more or fewer cells", "quote cells with commas")),
        ("name,count\na,1,2\n", ("w: line 2: more or fewer cells",)),
        ("name,count\na,1\nb,one\n", ("w: line 3, count: 'one' is no number", "write a whole number")),
        ("name,count\na,1.5\n", ("w: line 2, count: '1.5' is no number",)),
        ("name,share\na,1/2\n", ("w: line 2, share: '1/2' is no number", "write a number")),
        ("name,on\na,maybe\n", ("w: line 2, on: 'maybe' is no switch", "write 0 or 1")),
        ('name,on\n"a,1\n', ("w: near line 1: unexpected end",)),
        ("name\n" + "x" * 200_000, ("w: near line 1: field larger",)),
    ],
)
def test_csv_refusals(text: str, parts: tuple[str, ...]) -> None:
    line = line_of(read_csv, text)
    assert all(part in line for part in parts), line


def test_reading(write: Write) -> None:
    assert read_text(write("\ufeffä\n"), "w") == "ä\n"
    assert line_of(read_text, write(b"\xff\xfe\x00\x01"), "w") == "w: file: not UTF-8 at byte 0; save it as UTF-8"
    assert "at byte 3" in line_of(read_text, write(b"abc\xe4"), "w")
    for nothing in (b"", b" \n\t\n"):
        assert line_of(read_text, write(nothing), "w").startswith("w: file: empty")
    path = write("a" * 11)
    assert read_text(path, "w", limit=11) == "a" * 11
    assert "more than 10 bytes" in line_of(read_text, path, "w", limit=10)


def test_what_is_no_file(tmp_path: Path) -> None:
    assert "is a folder" in line_of(read_text, tmp_path, "w")
    assert "no such file" in line_of(read_text, tmp_path / "none", "w")
    assert "w: file: " in line_of(read_text, Path("a\0b"), "w")
    assert "w: file: cannot be read (File name too long)" in line_of(read_text, Path("x" * 5000), "w")
    os.mkfifo(tmp_path / "pipe")
    assert "w: file: " in line_of(read_text, tmp_path / "pipe", "w")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "w: file: " in line_of(read_text, tmp_path / "loop", "w")


def test_an_unreadable_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    path = write("a: 1")
    monkeypatch.setattr(Path, "open", refuse)
    assert line_of(read_text, path, "w") == "w: file: cannot be read (Permission denied); check the path"


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(10**12)
    assert "more than 64000000 bytes" in line_of(read_text, path, "w")
