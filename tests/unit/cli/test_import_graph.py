"""`patchpact import graph`: files in, one graph file out, or one clear error and nothing changed."""

import errno
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import networkx as nx
import pytest

from patchpact.cli import outfile
from patchpact.cli.arguments import UsageError
from patchpact.cli.main import main
from patchpact.scenarios import AssumptionWarning, load_scenario

FIXTURES = Path(__file__).parents[1] / "scenarios" / "importers" / "fixtures" / "graphs"
Capture = pytest.CaptureFixture[str]


def error_of(arguments: list[str], capsys: Capture) -> str:
    """The one line of an error with exit status 2."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert not out
    lines = [line for line in err.splitlines() if "warning: " not in line]
    assert len(lines) == 1
    assert lines[0].startswith("patchpact import: ")
    assert lines[0].isprintable()
    return lines[0]


def test_a_graph_file_is_written_and_loads(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "shop.json"
    assert main(["import", "graph", str(FIXTURES / "jaeger.json"), "--out", str(out)]) == 0
    said, warned = capsys.readouterr()
    assert said == f"{out}: written, 6 services, 5 calls (files: 1 of jaeger)\n"
    assert "patchpact import: warning: users' requests enter at 1 of 6 services ('storefront')" in warned
    assert [path.name for path in tmp_path.iterdir()] == ["shop.json"]
    with pytest.warns(AssumptionWarning):
        scenario = load_scenario(out)
    assert (scenario.id, len(scenario.services), len(scenario.edges)) == ("shop", 6, 5)


def test_without_out_the_graph_is_printed(capsys: Capture) -> None:
    assert main(["import", "graph", str(FIXTURES / "zipkin.json"), "--name", "my shop"]) == 0
    graph = json.loads(capsys.readouterr().out)
    assert (graph["name"], len(graph["nodes"]), len(graph["edges"])) == ("my shop", 4, 4)


def test_a_summary_for_machines(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "g.json"
    files = [str(FIXTURES / name) for name in ("jaeger.json", "zipkin.json", "catalog")]
    assert main(["import", "graph", *files, "--out", str(out), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    graph = json.loads(out.read_text(encoding="utf-8"))
    assert summary["formats"] == {"jaeger": 1, "zipkin": 1, "backstage": 2}
    assert (summary["services"], summary["calls"]) == (len(graph["nodes"]), len(graph["edges"]))
    assert summary["entrypoints"] == ["Shop-Web", "storefront", "web"]
    assert any("revenue flows are those of jaeger" in warning for warning in summary["warnings"])
    assert "graph" not in summary
    assert main(["import", "graph", files[0], "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["graph"]["nodes"]) == 6


def test_what_is_wrong_with_a_graph_is_said_loudly(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "g.json").write_text(json.dumps({"nodes": [{"id": "a"}, {"id": "b"}], "links": []}), encoding="utf-8")
    assert main(["import", "graph", str(tmp_path / "g.json"), "--json"]) == 0
    said, warned = capsys.readouterr()
    assert [line.split(": ")[2] for line in warned.splitlines()] == ["NO CALLS FOUND", "NO ENTRYPOINT"]
    assert len(json.loads(said)["warnings"]) == 2


def test_an_overlay_and_a_root(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "o.yaml").write_text("rename: {web: shop}\n", encoding="utf-8")
    arguments = ["import", "graph", str(FIXTURES / "zipkin.json"), "--overlay", str(tmp_path / "o.yaml")]
    assert main([*arguments, "--root", str(FIXTURES.parent)]) == 0
    graph = json.loads(capsys.readouterr().out)
    assert "shop" in {node["id"] for node in graph["nodes"]}
    assert graph["edges"][0]["evidence"] == "graphs/zipkin.json: [0], 400 calls"


def test_a_second_import_of_a_folder_does_not_read_the_first(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "deps.json").write_bytes((FIXTURES / "jaeger.json").read_bytes())
    arguments = ["import", "graph", str(tmp_path), "--out", str(tmp_path / "g.json")]
    assert main(arguments) == 0
    first = (tmp_path / "g.json").read_bytes()
    assert main(arguments) == 0
    assert (tmp_path / "g.json").read_bytes() == first
    assert "'g.json' is an earlier import: left out" in capsys.readouterr().err


# errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["graph"], "the following arguments are required: FILE; see patchpact import graph --help"),
        ([], "arguments are required: graph|findings|scenario"),
        (["grap", "x"], "invalid choice: 'grap' (choose from"),
        (["graph", "x", "--overlai", "y"], "unknown argument --overlai; did you mean --overlay?"),
        (["graph", "x", "--zzz"], "unknown argument --zzz; see patchpact import graph --help"),
        (["graph", "missing.json"], "missing.json: file: no such file; check the path"),
        (["graph", "missing.json", "--format", "jager"], "import: format: 'jager' is unknown; did you mean 'jaeger'?"),
        (["graph", "x", "--out", "g.yaml"], "--out g.yaml: is no .json file; name one"),
        (["graph", "x", "--out", "missing/g.json"], "no folder missing; make it first"),
        (["graph", str(FIXTURES / "zipkin.json"), "--overlay", "no.yaml"], "no.yaml: file: no such file"),
        (["graph", str(FIXTURES / "zipkin.json"), "--name", "a\nb"], "import: name: 'a\\nb' has a line break"),
    ],
)
def test_one_clear_error(arguments: list[str], message: str, capsys: Capture) -> None:
    assert message in error_of(["import", *arguments], capsys)


def test_help_of_each_part(capsys: Capture) -> None:
    for part in ("graph", "findings", "scenario"):
        assert main(["import", part, "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"usage: patchpact import {part}")


def test_a_hostile_file_is_one_line_on_the_terminal(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "a\x1b]0;title\x07.json"
    path.write_text('{"data": [{"parent": "a\\u001b[2J", "child": "b", "callCount": 1}]}', encoding="utf-8")
    assert "has a line break or control character" in error_of(["import", "graph", str(path)], capsys)
    path.write_text('{"data": [{"parent": "a\\u202eb", "child": "b", "callCount": 1}]}', encoding="utf-8")
    assert main(["import", "graph", str(path)]) == 0
    said, warned = capsys.readouterr()
    assert all(line.isprintable() for line in (said + warned).splitlines())


def full(*arguments: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_changes_nothing(
    step: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "g.json"
    out.write_text("before", encoding="utf-8")
    if step == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "replace", full)
    error = error_of(["import", "graph", str(FIXTURES / "zipkin.json"), "--out", str(out)], capsys)
    assert f"{out}: cannot be written (no space left on the disk); nothing was changed; make room" in error
    assert out.read_text(encoding="utf-8") == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["g.json"]


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UsageError, match=r"g\.json: cannot be written \(Permission denied\); nothing was changed"):
        outfile.write_file(tmp_path / "g.json", "text")
    assert not list(tmp_path.iterdir())


def test_a_link_keeps_leading_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("before", encoding="utf-8")
    (tmp_path / "g.json").symlink_to(tmp_path / "real.json")
    outfile.write_file(tmp_path / "g.json", "after")
    assert (tmp_path / "g.json").is_symlink()
    assert (tmp_path / "real.json").read_text(encoding="utf-8") == "after"


# the other parts call their importers


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands in for the importers of findings and scenarios."""
    statement = SimpleNamespace(status="not_affected", author="the\nteam", reason="no code path")
    left = SimpleNamespace(finding=SimpleNamespace(id="CVE-1"), statement=statement, matched="purl")
    found = SimpleNamespace(
        findings=(1, 2),
        suppressed=(left,),
        components=(),
        statements=(statement,),
        totals={"high": 2},
        warnings=("w\x1b",),
    )
    calls: dict[str, Any] = {}

    def import_findings(files: Any, format: str, **_: object) -> Any:
        calls["findings"] = (files, format)
        return found

    def write_scenario(*arguments: Any) -> Any:
        calls["scenario"] = arguments
        return SimpleNamespace(lines=("s.yaml: 3 services", "a\x1bb"), as_dict=lambda: {"counts": {"services": 3}})

    modules = {
        "findings_file": SimpleNamespace(import_findings=import_findings, findings_json=lambda report: {"rows": []}),
        "scenario_file": SimpleNamespace(write_scenario=write_scenario),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, f"patchpact.scenarios.importers.{name}", module)
    return SimpleNamespace(calls=calls)


def test_findings(report: SimpleNamespace, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "f.json"
    assert main(["import", "findings", "a.json", "b.sarif", "--format", "trivy", "--out", str(out)]) == 0
    said, warned = capsys.readouterr()
    assert said.splitlines() == [
        f"{out}: written, 2 findings, 1 suppressed, 0 components",
        "suppressed: CVE-1: not_affected, says the team; product matched by purl",
    ]
    assert warned == "patchpact import: warning: w\\x1b\n"
    assert json.loads(out.read_text(encoding="utf-8")) == {"rows": []}
    assert report.calls["findings"] == ([Path("a.json"), Path("b.sarif")], "trivy")
    assert main(["import", "findings", "a.json", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["findings"], summary["totals"], summary["report"]) == (2, {"high": 2}, {"rows": []})
    assert summary["suppressed"][0]["author"] == "the\nteam"


def test_scenario(report: SimpleNamespace, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "s.yaml"
    arguments = ["import", "scenario", "--graph", "g.json", "--findings", "f.json", "t.json", "--out", str(out)]
    assert main([*arguments, "--mapping", "m.yaml", "--title", "A shop"]) == 0
    assert report.calls["scenario"] == (
        Path("g.json"), [Path("f.json"), Path("t.json")], out, Path("m.yaml"), "A shop",
    )  # fmt: skip
    assert capsys.readouterr().out.splitlines() == ["s.yaml: 3 services", "a\\x1bb"]
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"counts": {"services": 3}}
    assert "is no .yaml or .yml file" in error_of([*arguments[:-1], str(tmp_path / "s.json")], capsys)


# size

SERVICES, CALLS = 10_000, 50_000
Rows = list[tuple[str, str, int]]


def _json(value: Callable[[Rows], Any]) -> Callable[[Rows, Path], None]:
    return lambda rows, path: path.write_text(json.dumps(value(rows)), encoding="utf-8") and None


def _kiali(rows: Rows) -> Any:
    names = sorted({name for row in rows for name in row[:2]})
    nodes = [{"data": {"id": name, "nodeType": "app", "app": name, "namespace": "n"}} for name in names]
    traffic = [{"protocol": "http", "rates": {"http": str(count)}} for _, _, count in rows]
    edges = [{"data": {"source": a, "target": b, "traffic": t}} for (a, b, _), t in zip(rows, traffic, strict=True)]
    return {"graphType": "app", "elements": {"nodes": nodes, "edges": edges}}


def _otel(rows: Rows, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for a, b, count in rows:
            labels = f'client="{a}",server="{b}",connection_type=""'
            file.write(f"traces_service_graph_request_total{{{labels}}} {count}\n")
            for bound in (0.1, 0.5, 1, 5):
                file.write(f'traces_service_graph_request_server_seconds_bucket{{{labels},le="{bound}"}} {count}\n')


def _backstage(rows: Rows, path: Path) -> None:
    called: dict[str, list[str]] = {}
    for a, b, _ in rows:
        called.setdefault(a, []).append(b)
        called.setdefault(b, [])
    with path.open("w", encoding="utf-8") as file:
        for name, targets in called.items():
            file.write(f"---\napiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{name: {name}}}\n")
            file.write("spec:\n  type: service\n  dependsOn:\n" + "".join(f"  - component:{t}\n" for t in targets))
            file.write("" if targets else "  - component:service-00001\n")


def _drawn(write: Callable[[Any, Path], None]) -> Callable[[Rows, Path], None]:
    def save(rows: Rows, path: Path) -> None:
        graph = nx.DiGraph()
        graph.add_edges_from((a, b, {"calls": count}) for a, b, count in rows)
        write(graph, path)

    return save


LARGE: dict[str, Callable[[Rows, Path], None]] = {
    "jaeger": _json(lambda rows: {"data": [{"parent": a, "child": b, "callCount": n} for a, b, n in rows]}),
    "zipkin": _json(lambda rows: [{"parent": a, "child": b, "callCount": n} for a, b, n in rows]),
    "kiali": _json(_kiali),
    "node-link": _json(
        lambda rows: {
            "nodes": [{"id": name} for name in sorted({name for row in rows for name in row[:2]})],
            "links": [{"source": a, "target": b, "calls": n} for a, b, n in rows],
        }
    ),
    "otel": _otel,
    "backstage": _backstage,
    "graphml": _drawn(nx.write_graphml),
    "gexf": _drawn(nx.write_gexf),
    "edge-csv": lambda rows, path: path.write_text(
        "source,target,calls\n" + "".join(f"{a},{b},{n}\n" for a, b, n in rows), encoding="utf-8"
    ) and None,
}  # fmt: skip


# The command, then its own peak of memory in kB: what the kernel reports of a child counts its parent's size too.
WITH_PEAK = """
import sys, time
from patchpact.cli.main import entry_point
try:
    entry_point()
finally:
    print(time.process_time(), file=sys.stderr)
    print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from /proc")
@pytest.mark.parametrize("format_", LARGE)
def test_ten_thousand_services_in_twenty_seconds_and_a_gigabyte(format_: str, tmp_path: Path) -> None:
    rng = random.Random(1)
    pairs = {tuple(rng.sample(range(SERVICES), 2)) for _ in range(CALLS)}
    rows = [(f"service-{a:05d}", f"service-{b:05d}", rng.randrange(1, 9999)) for a, b in sorted(pairs)]
    LARGE[format_](rows, tmp_path / "in.txt")
    arguments = ["import", "graph", str(tmp_path / "in.txt"), "--json", "--out", str(tmp_path / "g.json")]
    done = subprocess.run([sys.executable, "-c", WITH_PEAK, *arguments], capture_output=True, check=True, text=True)
    took, peak = (float(text) for text in done.stderr.split()[-2:])  # seconds on a core of its own, kB
    summary = json.loads(done.stdout)
    assert summary["formats"] == {format_: 1}
    assert summary["calls"] >= len(rows)
    assert took < 20 and peak < 1_000_000
