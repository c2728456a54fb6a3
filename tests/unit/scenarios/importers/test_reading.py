"""The bounded readers: what they take, and that each bad file is one clear error."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.reading import (
    Located,
    LocatedList,
    Root,
    Tagged,
    json_value,
    read_source,
    xml_root,
    yaml_documents,
)

HOSTILE = Path(__file__).parent / "fixtures" / "hostile"
READERS: dict[str, Callable[[str, str], Any]] = {".yaml": yaml_documents, ".json": json_value, ".xml": xml_root}
SAID = {
    "laughs.yaml": "aliases add more than",
    "merge_laughs.yaml": "aliases add more than",
    "deep.yaml": "nested more than 64 deep",
    "twice.yaml": "line 3: 'web' twice in one mapping",
    "nan.yaml": "no finite number",
    "tag.yaml": "is not read; leave the tag out",
    "control.yaml": "control characters",
    "template.yaml": "helm template",
    "empty.yaml": "empty",
    "nan.json": "NaN is no finite number",
    "twice.json": "'a' twice in one object",
    "deep.json": "nested more than 200 deep",
    "huge_number.json": "too large to be finite",
    "surrogate.json": "surrogates",
    "laughs.xml": "document type or entities",
    "external.xml": "document type or entities",
    "deep.xml": "nested more than 200 deep",
    "torn.xml": "malformed XML",
}


def _refused(path: Path) -> str:
    with pytest.raises(ScenarioError) as caught:
        READERS[path.suffix](read_source(path, path.name), path.name)
    return str(caught.value)


@pytest.mark.parametrize("name", SAID)
def test_a_bad_file_is_one_clear_error(name: str) -> None:
    started = time.perf_counter()
    said = _refused(HOSTILE / name)
    assert said.startswith(f"{name}: ")
    assert SAID[name] in said
    assert "\n" not in said
    assert time.perf_counter() - started < 2


def test_yaml_values_know_their_lines() -> None:
    [document] = yaml_documents("a: 1\nb:\n  - x\n\n  - {c: null}\n", "f")
    assert isinstance(document, Located)
    assert document == {"a": 1, "b": ["x", {"c": None}]}
    assert (document.line, document.lines) == (1, {"a": 1, "b": 2})
    assert isinstance(document["b"], LocatedList)
    assert document["b"].lines == [3, 5]
    assert document["b"][1].line_of("c") == document["b"][1].line_of("missing") == 5


def test_yaml_plain_values_are_those_of_the_core_schema() -> None:
    text = "[no, on, 22:22, 0644, 2024-01-01, true, ~, -3, 1.5, 1e-3, '7', !!str 8, !!int '9', .5, 1_000]"
    [values] = yaml_documents(text, "f")
    assert values == [
        "no", "on", "22:22", "0644", "2024-01-01", True, None, -3, 1.5, 0.001, "7", "8", 9, 0.5, "1_000",
    ]  # fmt: skip


def test_yaml_merge_keys_keep_what_stands_in_the_mapping_and_its_line() -> None:
    text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  <<: [*x, *y]\n  a: 9\n"
    [document] = yaml_documents(text, "f")
    assert document["z"] == {"a": 9, "b": 2, "c": 4}
    assert document["z"].lines == {"a": 5, "b": 1, "c": 2}


def test_yaml_documents_without_content_are_left_out_and_anchors_end_with_theirs() -> None:
    assert yaml_documents("# c\n---\n---\na: 1\n---\n# end\n", "f") == [{"a": 1}]
    with pytest.raises(ScenarioError, match="no anchor"):
        yaml_documents("a: &x 1\n---\nb: *x\n", "f")


def test_yaml_tags_are_taken_only_where_allowed() -> None:
    [document] = yaml_documents("a: !reset null\nb: !override [1]\n", "f", tags=("!reset", "!override"))
    assert isinstance(document["a"], Tagged)
    assert (document["a"].tag, document["a"].value) == ("!reset", None)
    assert document["b"].value == [1]


def test_errors_do_not_show_values() -> None:
    secret = "hunter2secret"
    for text in (f"a: '{secret}\nb: [", f"a: {secret}: b", f"- {secret}\nb: 1", f'a: "{secret}\\q"'):
        with pytest.raises(ScenarioError) as caught:
            yaml_documents(text, "f")
        assert secret not in str(caught.value)


def test_a_huge_line_is_refused() -> None:
    with pytest.raises(ScenarioError, match="line 2: more than 2000000 characters"):
        yaml_documents("a: 1\nb: " + "x" * 2_000_001, "f")


def test_encodings(tmp_path: Path) -> None:
    file = tmp_path / "f"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        file.write_bytes("käse: 1\n".encode(encoding))
        assert read_source(file, "f") == "käse: 1\n"
    bad = {
        "not UTF-16": b"\xff\xfea",
        "not UTF-8 at byte 1": "käse: 1\n".encode("latin-1"),
        "zero bytes": "kase: 1\n".encode("utf-16-le"),
    }
    for said, content in bad.items():
        file.write_bytes(content)
        with pytest.raises(ScenarioError, match=said):
            read_source(file, "f")
    file.write_bytes(b"x" * 11)
    with pytest.raises(ScenarioError, match="more than 10 bytes"):
        read_source(file, "f", limit=10)


def test_json_in_full() -> None:
    assert json_value('\ufeff{"a": [1, 2.5, "\\ud83d\\ude00", null]}', "f") == {"a": [1, 2.5, "😀", None]}
    assert json_value("[" * 200 + "]" * 200, "f")
    with pytest.raises(ScenarioError, match="too many digits"):
        json_value("9" * 5000, "f")
    with pytest.raises(ScenarioError, match="line 2"):
        json_value("{\n'a': 1}", "f")


def test_xml_in_full() -> None:
    assert xml_root('<?xml version="1.0" encoding="utf-16"?><a b="1"><c>&amp;</c></a>', "f").findtext("c") == "&"


def test_references_stay_beneath_the_root(tmp_path: Path) -> None:
    inside, outside = tmp_path / "project", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "a.env").write_text("A=1")
    (outside / "secret.env").write_text("B=2")
    (inside / "inner").symlink_to(inside / "a.env")
    (inside / "link.env").symlink_to(outside / "secret.env")
    (inside / "folder").symlink_to(outside)
    os.mkfifo(inside / "pipe")
    root = Root(inside)
    assert root.resolve("a.env", "f", "x") == root.resolve("inner", "f", "x") == (inside / "a.env").resolve()
    assert root.find("missing", "f", "x") is None
    bad = {
        "../outside/secret.env": "leads out",
        "link.env": "leads out",
        "folder/secret.env": "leads out",
        str(outside / "secret.env"): "leads out",
        "/etc/hostname": "leads out",
        "missing": "no such file",
        "pipe": "is no file",
        ".": "is a folder",
        "a\0b": "cannot be read",
    }
    for name, said in bad.items():
        with pytest.raises(ScenarioError, match=said) as caught:
            root.resolve(name, "f", "line 3 (env_file)")
        assert str(caught.value).startswith("f: line 3 (env_file): ")
    assert not root.holds(inside / "link.env")
    assert [path.name for path in root.folder_files(".", "f", "x", at_most=9)] == ["a.env", "a.env"]


def test_a_root_has_to_exist(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no such folder"):
        Root(tmp_path / "missing")


def test_pipes_folders_and_missing_files_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, said in {"pipe": "is no file", "missing": "no such file", ".": "is a folder"}.items():
        with pytest.raises(ScenarioError, match=said):
            read_source(tmp_path / name, "f")


@given(st.text(alphabet=st.characters(codec=None), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for reader in READERS.values():
        with suppress(ScenarioError):
            reader(text, "f")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_json_agrees_with_the_standard_library(value: Any) -> None:
    text = json.dumps(value)
    assert json_value(text, "f") == json.loads(text)
