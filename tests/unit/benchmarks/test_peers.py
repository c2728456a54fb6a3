"""The comparison with peers: what a driver prints is checked, ratios are taken within a round, the page shows its data."""

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HELPERS = ("cases", "page", "protocol", "session", "venvs")


@pytest.fixture(scope="module")
def tool(repository: Path) -> Iterator[ModuleType]:
    """`benchmarks/peers/run.py`; its neighbours leave the table of modules afterwards."""
    path, modules = list(sys.path), {name: sys.modules.pop(name, None) for name in HELPERS}
    spec = importlib.util.spec_from_file_location("peers_run", repository / "benchmarks" / "peers" / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.neighbours = {name: sys.modules[name] for name in HELPERS}
    yield module
    sys.path[:] = path
    for name in HELPERS:
        del sys.modules[name]
        if modules[name] is not None:
            sys.modules[name] = modules[name]


def a_run(steps: int, agents: int = 3, seconds: float = 2.0, batch: int = 8, threads: int = 1) -> dict[str, Any]:
    return {
        "task": "spread",
        "counts": "a move",
        "agents": agents,
        "batch": batch,
        "threads": threads,
        "seconds": seconds,
        "cpu_seconds": seconds / 2,
        "env_steps": steps,
        "agent_steps": steps * agents,
        "env_steps_per_second": steps / seconds,
        "agent_steps_per_second": steps * agents / seconds,
        "versions": {"python": "3.11.7", "fake": "1.0"},
    }


FAKE = """
import sys
sys.path.insert(0, {drivers!r})
from protocol import Play, drive
print("a library says something of its own")
calls = 0
def build(batch, threads, seed):
    def piece():
        global calls
        calls += 1
        if batch == 5:
            raise ValueError("no such task in /somewhere/else")
        return 10 * batch, 15 * batch
    return Play(piece, 2, "fake", "nothing", ("pytest",), lambda: {{"calls": calls}})
drive(build)
"""


@pytest.fixture
def fake(tool: ModuleType, repository: Path, tmp_path: Path) -> Iterator[Any]:
    """A session with a driver of a peer that costs nothing."""
    file = tmp_path / "fake.py"
    file.write_text(FAKE.format(drivers=str(repository / "benchmarks" / "peers" / "drivers")), encoding="utf-8")
    session = tool.Session(Path(sys.executable), file, 1)
    yield session
    session.close()


def test_a_driver_is_asked_and_read(fake: Any) -> None:
    first, second = fake.measure(4, 0.02), fake.measure(4, 0.02)
    for found in (first, second):
        assert (found["batch"], found["threads"], found["agents"]) == (4, 1, 2)
        assert found["agent_steps"] * 2 == found["env_steps"] * 3  # as many as acted, not as many as there are
        assert found["seconds"] >= 0.02
        # What was played before the clock started is in neither the steps nor the shares.
        assert found["shares"]["calls"] * found["seconds"] == pytest.approx(found["env_steps"] / 40)


def test_a_driver_that_fails_says_why_and_starts_anew(tool: ModuleType, fake: Any) -> None:
    with pytest.raises(tool.BadReport, match=r"^ValueError: no such task in \(path\)$"):
        fake.measure(5, 0.01)
    assert fake.measure(1, 0.01)["batch"] == 1


def test_a_driver_that_hangs_is_ended(tool: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "hangs.py"
    file.write_text("input()\nimport time\ntime.sleep(60)", encoding="utf-8")
    session = tool.Session(Path(sys.executable), file, 1)
    with pytest.raises(tool.BadReport, match=r"took longer than 0\.3 s"):
        session.measure(1, 0.1, grace=0.2)
    assert session.process is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"env_steps": 0}, "env_steps: 0"),
        ({"cpu_seconds": float("nan")}, "cpu_seconds"),
        ({"seconds": True}, "seconds: True"),
        ({"batch": 4}, "not what was asked"),
        ({"threads": 2}, "not what was asked"),
        ({"agent_steps": 301, "agent_steps_per_second": 150.5}, "301 agent-steps"),
        ({"env_steps_per_second": 51.0}, "not env_steps over seconds"),
        ({"versions": None}, "versions"),
        ({"task": ""}, "task"),
    ],
)
def test_what_is_no_measurement_is_refused(tool: ModuleType, change: dict[str, Any], message: str) -> None:
    good = a_run(100)
    read_report = tool.neighbours["protocol"].read_report
    assert read_report(json.dumps(good) + "\n", 8, 1) == good
    with pytest.raises(tool.BadReport, match=message):
        read_report(json.dumps(good | change), 8, 1)


@pytest.mark.parametrize("text", ["", "done", "[1]", '{"task": "spread"} bye'])
def test_no_line_of_json_is_refused(tool: ModuleType, text: str) -> None:
    with pytest.raises(tool.BadReport, match="no JSON object"):
        tool.neighbours["protocol"].read_report(text, 1, 1)


def test_cases_take_turns_and_one_failure_stops_no_other(tool: ModuleType) -> None:
    chosen = tool.plan(["vmas", "nasim"])
    asked: list[tuple[str, int, int]] = []
    closed: list[str] = []

    class FakeSession:
        def __init__(self, python: Path, script: Path, threads: int) -> None:
            self.script, self.threads = script.stem, threads

        def measure(self, batch: int, seconds: float) -> dict[str, Any]:
            asked.append((self.script, batch, self.threads))
            if self.script == "nasim_medium" and len(asked) > len(chosen.cases):
                raise tool.BadReport("it broke")
            return a_run(100, batch=batch, threads=self.threads)

        def close(self) -> None:
            closed.append(self.script)

    pythons = {"patchpact": Path("a"), "vmas": Path("b"), "nasim": Path("c")}
    rows = tool.measure(chosen, pythons, 3, 1.0, FakeSession, say=lambda line: None)
    count = len(chosen.cases)
    assert len(set(asked[:count])) == count == len(rows)
    assert set(asked[:count]) == set(asked[count : 2 * count])
    assert asked[0] != asked[count] != asked[2 * count - 1]
    failed = [row for row in rows if "failed" in row]
    assert [(row["peer"], len(row["runs"]), row["failed"]) for row in failed] == [("nasim", 1, "it broke")]
    assert all([run["round"] for run in row["runs"]] == [0, 1, 2] for row in rows if row not in failed)
    assert set(closed) == {row["script"] for row in rows}


def test_peers_that_are_not_there_are_left_out(tool: ModuleType) -> None:
    assert tool.measure(tool.plan(["vmas"]), {}, 1, 1.0) == []


def figures(own: list[int], peer: list[int]) -> dict[str, Any]:
    """Two cases of a way, and what else a page needs; steps of both, round by round."""
    case = {"way": "batched calls", "batch": 8, "threads": 1}
    rows = [
        case | {"peer": "patchpact", "script": "patchpact_vec", "runs": [a_run(n, agents=4) for n in own]},
        case | {"peer": "vmas", "script": "vmas_spread", "runs": [a_run(n) for n in peer]},
        {"peer": "nasim", "script": "nasim_medium", "way": "one world", "batch": 1, "threads": 1, "runs": []},
    ]
    rows[2]["failed"] = "it broke"
    for row in rows:
        row["runs"] = [run | {"round": n, "load": 1.0} for n, run in enumerate(row["runs"])]
    kinds = [{"kind": "vote", "share_of_steps": 1.0, "microseconds": 9.0, "share_of_time": 1.0}]
    return {
        "command": "python benchmarks/peers/run.py",
        "date": "2026-01-02",
        "machine": {"system": "Linux", "processor": "x86_64", "cores": 2, "memory_gib": 8, "python": "3.11.7"},
        "rounds": len(own),
        "seconds": 2.0,
        "cases": rows,
        "parts": {
            "microseconds_per_env_step": {"seen": 20.0, "blind": 5.0},
            "floats_per_env_step": 2312,
            "call_microseconds": 3.0,
            "kinds": kinds,
        },
        "missing": [{"peer": "primaite", "asked": "primaite>=3", "reason": "not found."}],
    }


def test_ratios_are_taken_within_a_round(tool: ModuleType) -> None:
    shown = tool.page(figures([1000, 100, 4000], [2000, 200, 8000]))
    line = next(line for line in shown.splitlines() if line.startswith("| VMAS |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == [
        "VMAS", "8", "1", "1,000 (100-4,000)", "3,000", "6,000", "2.00", "1.50 (1.50-1.50)",
    ]  # fmt: skip
    assert "- VMAS: faster with 8 worlds on 1 core (1.50)." in shown
    slower = tool.page(figures([1000, 100, 4000], [10, 1, 40]))
    assert "- VMAS: slower with 8 worlds on 1 core (0.007)." in slower


def test_the_page_hides_nothing_that_failed(tool: ModuleType) -> None:
    shown = tool.page(figures([1], [1]))
    assert "- PrimAITE: did not install (`primaite>=3`): not found." in shown
    assert "- NASim, `nasim_medium`, 1 world on 1 core: failed: it broke." in shown
    assert "about 75% writes what the agents see" in shown


def test_docs_peers_is_what_its_data_give(tool: ModuleType, repository: Path) -> None:
    kept = json.loads((repository / "docs" / "peers.json").read_text(encoding="utf-8"))
    assert (repository / "docs" / "peers.md").read_text(encoding="utf-8") == tool.page(kept)
    assert kept["rounds"] >= 3
    named = {row["peer"] for row in kept["cases"]} | {one["peer"] for one in kept["missing"]}
    assert named == {peer.name for peer in tool.neighbours["cases"].PEERS}


def test_every_peer_has_its_driver_and_pins(tool: ModuleType, repository: Path) -> None:
    home = repository / "benchmarks" / "peers"
    for peer in tool.neighbours["cases"].PEERS:
        for driver in peer.drivers:
            assert (home / "drivers" / f"{driver.script}.py").is_file()
        if peer.name != "patchpact":
            text = (home / "requirements" / f"{peer.name}.txt").read_text(encoding="utf-8")
            lines = [line for line in text.splitlines() if not line.startswith("#")]
            pinned = [bool(re.fullmatch(r"[\w.-]+==[\w.]+", line)) for line in lines]
            assert lines and (all(pinned) or not peer.drivers)


def test_an_unknown_peer_is_one_line(tool: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["--only", "gymnasium2"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("run.py: gymnasium2: no such peer") and message.count("\n") == 1


def test_kept_figures_are_shown_anew(tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "kept.json"
    file.write_text(json.dumps(figures([1000], [2000])), encoding="utf-8")
    assert tool.main(["--from", str(file), "--json", str(tmp_path / "again.json")]) == 0
    assert "| VMAS | 8 | 1 |" in capsys.readouterr().out
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(file.read_text())


def test_other_files_are_one_line(tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("{}", "[]", "not json"):
        file = tmp_path / "other.json"
        file.write_text(text, encoding="utf-8")
        assert tool.main(["--from", str(file), "--json", str(tmp_path / "lost.json")]) == 2
        message = capsys.readouterr().err
        assert message.startswith("run.py: ") and message.count("\n") == 1
    assert not (tmp_path / "lost.json").exists()


def test_pip_s_reason_is_one_line_without_addresses(tool: ModuleType) -> None:
    reason = tool.neighbours["venvs"].reason
    text = (
        "WARNING: slow\nERROR: Could not fetch https://host/simple/x/ into /tmp/a-b/c\nERROR: No matching distribution"
    )
    assert reason(text) == "Could not fetch (address) into (path)"
    assert reason("Traceback\n  File x\nModuleNotFoundError: No module named 'x'\n") == (
        "ModuleNotFoundError: No module named 'x'"
    )
    assert reason("") == "no word why"
