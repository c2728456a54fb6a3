"""Which file is in which format, and what of a folder is taken."""

import json
import os
from pathlib import Path

import pytest

from patchpact.scenarios import ScenarioError
from patchpact.scenarios.importers.detect import HEAD_BYTES, detect, files_by_format, format_named
from patchpact.scenarios.importers.registry import GRAPH_FORMATS, Format

FIXTURES = Path(__file__).parent / "fixtures" / "graphs"
FORMATS = {
    "jaeger.json": "jaeger",
    "zipkin.json": "zipkin",
    "otel.prom": "otel",
    "otel_query.json": "otel",
    "kiali.json": "kiali",
    "catalog/catalog-info.yaml": "backstage",
    "drawn.graphml": "graphml",
    "drawn.gexf": "gexf",
    "edges.csv": "edge-csv",
    "d3.json": "node-link",
}


def found(files: list[Path], format: str = "auto") -> tuple[dict[str, list[str]], tuple[str, ...]]:
    by_format, warnings = files_by_format(files, format, GRAPH_FORMATS)
    return {format_.name: [path.name for path in paths] for format_, paths in by_format.items()}, warnings


@pytest.mark.parametrize(("file", "name"), FORMATS.items())
def test_each_format_is_told_by_its_content(file: str, name: str, tmp_path: Path) -> None:
    """Whatever the file is called; and no other format's module takes it."""
    path = tmp_path / "file"
    path.write_bytes((FIXTURES / file).read_bytes())
    kind = detect(path, GRAPH_FORMATS)
    assert kind is not None and kind.name == name
    others = [format_ for format_ in GRAPH_FORMATS if format_.name != name]
    assert detect(path, others) is None


@pytest.mark.parametrize(
    "content", [b"", b"  \n", b"\x7fELF\x00\x01", b"a,b\n1,2\n", b"{}", b"[]", b"hello: world\n", b"<html/>"]
)
def test_other_files_are_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    assert detect(tmp_path / "x", GRAPH_FORMATS) is None


def test_nothing_to_read_is_nothing(tmp_path: Path) -> None:
    assert detect(tmp_path / "missing", GRAPH_FORMATS) is None
    assert detect(tmp_path, GRAPH_FORMATS) is None


def test_only_the_beginning_is_looked_at(tmp_path: Path) -> None:
    late = "# comment\n" * (HEAD_BYTES // 10) + (FIXTURES / "otel.prom").read_text(encoding="utf-8")
    (tmp_path / "x").write_text(late, encoding="utf-8")
    assert detect(tmp_path / "x", GRAPH_FORMATS) is None


def test_utf_16_is_told(tmp_path: Path) -> None:
    text = (FIXTURES / "zipkin.json").read_text(encoding="utf-8")
    for encoding in ("utf-16", "utf-8-sig"):
        (tmp_path / "x").write_bytes(text.encode(encoding))
        kind = detect(tmp_path / "x", GRAPH_FORMATS)
        assert kind is not None and kind.name == "zipkin"


def test_the_order_is_the_registrys(tmp_path: Path) -> None:
    """A file that two formats take goes to the first of them."""
    (tmp_path / "x").write_text('{"data": [{"parent": "a", "child": "b"}]}', encoding="utf-8")
    twice = [Format("other", GRAPH_FORMATS[2].module, "the same"), *GRAPH_FORMATS]
    assert GRAPH_FORMATS[2].name == "jaeger"
    kind = detect(tmp_path / "x", twice)
    assert kind is not None and kind.name == "other"


@pytest.mark.parametrize(
    ("wrong", "right"), [("jager", "jaeger"), ("csv", "edge-csv"), ("nodelink", "node-link"), ("aut", "auto")]
)
def test_an_unknown_format_suggests_the_closest(wrong: str, right: str) -> None:
    with pytest.raises(ScenarioError, match=f"import: format: '{wrong}' is unknown; did you mean '{right}'"):
        format_named(wrong, GRAPH_FORMATS)
    with pytest.raises(ScenarioError, match="is unknown"):
        found([FIXTURES / "jaeger.json"], wrong)


def test_files_are_sorted_by_format() -> None:
    files, warnings = found([FIXTURES / name for name in FORMATS])
    expected: dict[str, list[str]] = {}
    for file, name in FORMATS.items():
        expected.setdefault(name, []).append(Path(file).name)
    assert files == expected
    assert not warnings


def test_a_named_format_is_believed(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("{}", encoding="utf-8")
    assert found([tmp_path / "x"], "zipkin")[0] == {"zipkin": ["x"]}


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "deps.json"
    file.write_bytes((FIXTURES / "jaeger.json").read_bytes())
    (tmp_path / "link.json").symlink_to(file)
    assert found([file, tmp_path / ".." / tmp_path.name / "deps.json", tmp_path / "link.json"])[0] == {
        "jaeger": ["deps.json"]
    }


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"hello", "of no known format; name its format, one of compose, kiali"),
        (b"", "empty"),
        (b"{\x00}", "holds zero bytes"),
        (None, "no such file"),
    ],
)
def test_a_named_file_of_no_format_is_an_error(content: bytes | None, problem: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(ScenarioError, match=problem):
        found([tmp_path / "x"])


def test_no_files_is_an_error() -> None:
    with pytest.raises(ScenarioError, match="import: files: none"):
        found([])


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ScenarioError, match="is no file"):
        found([tmp_path / "pipe"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two graphs, in sorted order b, then sub/a; the rest is to be passed over."""
    place = tmp_path / "in"
    for name in ("sub", ".git", "sub/.cache"):
        (place / name).mkdir(parents=True)
    graph = (FIXTURES / "jaeger.json").read_bytes()
    for name in ("b.json", "sub/a.json", ".hidden.json", ".git/c.json", "sub/.cache/d.json"):
        (place / name).write_bytes(graph)
    (place / "README.md").write_text("# Read me\n", encoding="utf-8")
    (place / "empty.json").write_bytes(b"")
    return place


def test_a_folder_is_gone_through(folder: Path) -> None:
    files, warnings = found([folder])
    assert files == {"jaeger": ["b.json", "a.json"]}
    assert warnings == (f"{folder}: files of no graph format left out (2): 'README.md', 'empty.json'",)


def test_links_that_leave_a_folder_are_left_out(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_bytes((FIXTURES / "jaeger.json").read_bytes())
    (folder / "out.json").symlink_to(tmp_path / "outside.json")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    files, warnings = found([folder])
    assert files == {"jaeger": ["b.json", "a.json"]}
    assert f"{folder}: 'out.json' leads out of the folder: left out" in warnings


def test_of_a_folder_only_the_named_format_is_taken(folder: Path) -> None:
    (folder / "z.json").write_bytes((FIXTURES / "zipkin.json").read_bytes())
    assert found([folder], "zipkin")[0] == {"zipkin": ["z.json"]}
    with pytest.raises(ScenarioError, match="holds no file of GraphML"):
        found([folder], "graphml")


def test_a_folder_without_graphs_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text("x", encoding="utf-8")
    with pytest.raises(ScenarioError, match="holds no file of any known format"):
        found([tmp_path])


def test_earlier_imports_are_left_out_of_folders_only(folder: Path) -> None:
    own = folder / "graph.json"
    own.write_text(json.dumps({"directed": True, "graph": {"patchpact_import": 1}, "nodes": []}), encoding="utf-8")
    files, warnings = found([folder])
    assert "node-link" not in files
    assert f"{folder}: 'graph.json' is an earlier import: left out, name it to read it" in warnings
    assert found([own])[0] == {"node-link": ["graph.json"]}
