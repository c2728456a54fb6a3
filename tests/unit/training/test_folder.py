"""The run folder: replaced as a whole, complete after a failure, never overwritten."""

import errno
import fcntl
from dataclasses import replace
from pathlib import Path

import pytest

from patchpact.training import RunError, TrainConfig, train
from patchpact.training.folder import LOCK_FILE, CheckpointState, RunFolder, claim, replace_folder, write_text


def state(iteration: int) -> CheckpointState:
    return CheckpointState(iteration, iteration * 10, 1.0, None)


def fill(text: str):
    return lambda place: (place / "weights").write_text(text)


def full_disk(place: Path) -> None:
    (place / "weights").write_text("half")
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "run")
    run.create(TrainConfig())
    return run


def test_refuses_to_overwrite(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds a run already"):
        RunFolder(run.path).create(TrainConfig())
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match="not an empty folder"):
        RunFolder(other).create(TrainConfig())
    with pytest.raises(RunError, match="no run to resume"):
        RunFolder(other).config()


def test_one_process_at_a_time(run: RunFolder) -> None:
    run.lock()
    with pytest.raises(RunError, match="another process"):
        RunFolder(run.path).lock()
    run.unlock()
    RunFolder(run.path).lock()


def test_a_run_in_use_keeps_its_settings(run: RunFolder) -> None:
    config = run.config()
    longer = replace(config, out=str(run.path), timesteps=2 * config.timesteps)
    before = (run.path / "config.json").read_bytes()
    run.evaluation_file.write_text("[]", encoding="utf-8")
    run.lock()
    try:
        with pytest.raises(RunError, match="another process"):
            train(longer, resume=True, progress=False)
    finally:
        run.unlock()
    assert (run.path / "config.json").read_bytes() == before and run.evaluation_file.exists()


def test_what_was_given_free_can_be_taken_once(run: RunFolder) -> None:
    """A waiting opener of the lock's file and a newcomer hold the same file, so that one of them is refused."""
    run.lock()
    waiting = (run.path / LOCK_FILE).open("a", encoding="utf-8")
    run.unlock()
    run.lock()
    with waiting, pytest.raises(BlockingIOError):
        fcntl.flock(waiting, fcntl.LOCK_EX | fcntl.LOCK_NB)
    run.unlock()


def test_a_place_that_cannot_be_written_is_not_called_full(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot be written: No such file .* name a place that can be written"):
        write_text(tmp_path / "no" / "a.txt", "x")


def test_full_disk_keeps_the_checkpoint_before(run: RunFolder) -> None:
    run.save_checkpoint("last", state(1), fill("one"))
    with pytest.raises(RunError, match="no space left on the disk"):
        run.save_checkpoint("last", state(2), full_disk)
    place, found = run.checkpoint("last") or pytest.fail("lost")
    assert found == state(1)
    assert (place / "weights").read_text() == "one"
    assert sorted(p.name for p in place.parent.iterdir()) == ["last"]


def test_a_kill_between_the_two_renames_is_found(run: RunFolder) -> None:
    run.save_checkpoint("last", state(1), fill("one"))
    place = run.path / "checkpoints" / "last"
    place.rename(place.with_name("last.old"))
    _, found = run.checkpoint("last") or pytest.fail("lost")
    assert found == state(1)
    run.save_checkpoint("last", state(2), fill("two"))
    assert sorted(p.name for p in place.parent.iterdir()) == ["last"]


def test_an_unfinished_checkpoint_does_not_count(run: RunFolder) -> None:
    (run.path / "checkpoints" / "last").mkdir(parents=True)
    assert run.checkpoint("last") is None


@pytest.mark.parametrize("text", ['{"iteration": 3', "[]", '{"surprise": 1}', "\x00"])
def test_a_damaged_checkpoint_is_no_reason_to_begin_anew(run: RunFolder, text: str) -> None:
    run.save_checkpoint("last", state(1), fill("one"))
    (run.path / "checkpoints" / "last" / "state.json").write_text(text)
    with pytest.raises(RunError, match=r"state\.json: damaged or unreadable \(.*\); delete .*last to go on without"):
        run.checkpoint("last")


def test_who_claims_a_folder_removes_what_a_kill_left(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in (".benchmark.json.77.new", "sub/.story.json.78.new", "kept.json"):
        (tmp_path / name).write_text("{")
    claim(tmp_path, "busy").close()
    assert sorted(file.name for file in tmp_path.rglob("*.*") if file.is_file()) == [".lock", "kept.json"]


def test_replace_folder_leaves_no_rest(tmp_path: Path) -> None:
    for text in ("one", "two"):
        replace_folder(tmp_path / "policy", fill(text))
    assert [p.name for p in tmp_path.iterdir()] == ["policy"]
    assert (tmp_path / "policy" / "weights").read_text() == "two"


def test_progress_is_cut_at_a_checkpoint_and_at_half_a_line(run: RunFolder) -> None:
    for iteration in range(1, 5):
        run.append_progress({"iteration": iteration, "welfare_keur": -1.5 * iteration})
    with run.progress_file.open("a") as stream:
        stream.write("5")
    run.cut_progress(2)
    run.append_progress({"iteration": 3, "welfare_keur": 9.0})
    assert run.progress_file.read_text() == "iteration,welfare_keur\n1,-1.5\n2,-3\n3,9\n"
    run.cut_progress(0)
    assert not run.progress_file.exists()
