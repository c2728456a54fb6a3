"""The recorded episodes play out as they did."""

import importlib.util
import json
from pathlib import Path

import pytest

from patchpact.scenarios import scenario_ids

FOLDER = Path(__file__).resolve().parent
_spec = importlib.util.spec_from_file_location("golden", FOLDER / "golden.py")
assert _spec is not None
assert _spec.loader is not None
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)


@pytest.mark.parametrize("scenario", scenario_ids())
def test_replay(scenario: str) -> None:
    kept = json.loads((FOLDER / f"{scenario}.json").read_text(encoding="utf-8"))
    rewards, totals = golden.replay(kept)
    for step, (now, then) in enumerate(zip(rewards, kept["rewards"], strict=True)):
        assert now == pytest.approx(then, rel=1e-6, abs=1e-7), f"step {step}"
    assert totals == pytest.approx(kept["totals"], rel=1e-6)


def test_every_recording_has_its_scenario() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == set(scenario_ids())
