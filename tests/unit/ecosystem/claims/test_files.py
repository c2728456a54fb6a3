"""Key files and openings: for their owner alone, never written over; the verifier's memory."""

import json
import os
import stat
from pathlib import Path

import pytest
import small_claims as sc

from patchpact.ecosystem.claims import files
from patchpact.ecosystem.claims.errors import ClaimError
from patchpact.ecosystem.claims.files import (
    read_openings,
    read_public_key,
    read_secret_key,
    read_statement,
    write_keys,
    write_secret,
)
from patchpact.ecosystem.claims.records import file_text
from patchpact.ecosystem.claims.seen import accept
from patchpact.ecosystem.claims.signatures import public_key
from patchpact.ecosystem.claims.verify import verify
from patchpact.scenarios.errors import ScenarioError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_are_new_private_and_a_pair(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        public = write_keys(tmp_path / "a.key")
    finally:
        os.umask(before)
    assert (mode(tmp_path / "a.key"), mode(public), public.name) == (0o600, 0o644, "a.pub")
    seed = read_secret_key(tmp_path / "a.key")
    assert read_public_key(public) == public_key(seed)
    write_keys(tmp_path / "b.key")
    assert read_secret_key(tmp_path / "b.key") != seed
    assert seed.hex() not in public.read_text(encoding="utf-8")


def test_nothing_secret_is_ever_written_over(tmp_path: Path) -> None:
    write_keys(tmp_path / "a.key")
    secret = (tmp_path / "a.key").read_bytes()
    (tmp_path / "b.pub").write_text("mine", encoding="utf-8")
    for name in ("a.key", "b.key", "c.pub", "no/d.key"):
        with pytest.raises(ScenarioError, match="name another"):
            write_keys(tmp_path / name)
    (tmp_path / "a.pub").unlink()
    with pytest.raises(ScenarioError, match="never written over"):
        write_keys(tmp_path / "a.key")
    assert (tmp_path / "a.key").read_bytes() == secret
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.key", "b.pub"]


def test_a_full_disk_leaves_no_half_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(ScenarioError, match="No space left"):
        write_keys(tmp_path / "a.key")
    assert not list(tmp_path.iterdir())


def test_statement_and_openings_are_read_back(tmp_path: Path) -> None:
    statement, openings = sc.signed(sc.findings([1, None]))
    (tmp_path / "s.json").write_text(file_text(statement), encoding="utf-8")
    write_secret(tmp_path / "o.json", openings)
    assert mode(tmp_path / "o.json") == 0o600
    assert read_statement(tmp_path / "s.json") == statement
    assert read_openings(tmp_path / "o.json") == openings


@pytest.mark.parametrize("content", ["", "{", "[]", '{"patchpact_secret_key": 1, "seed": "00"}', '{"seed": 1}'])
def test_what_is_no_key_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "a.key"
    file.write_text(content, encoding="utf-8")
    for read in (read_secret_key, read_public_key, read_statement, read_openings):
        with pytest.raises(ScenarioError, match=r"a\.key: .*; ") as caught:
            read(file)
        assert "\n" not in str(caught.value)


def test_a_replay_is_refused_with_the_same_proof_and_with_a_new_one(tmp_path: Path) -> None:
    memory = tmp_path / "seen"
    source = sc.findings([3])
    first, again = (verify(file_text(sc.claim_of("sum", source)), sc.KEY) for _ in range(2))
    accept(memory, first, sc.KEY)
    for replayed in (first, again):
        with pytest.raises(ClaimError, match="replay: a claim of type sum of this epoch and subject was accepted"):
            accept(memory, replayed, sc.KEY)
    for how in ({"epoch": "2026-W06"}, {"organisation": "other"}):
        accept(memory, verify(file_text(sc.claim_of("sum", source, **how)), sc.KEY), sc.KEY)
    accept(memory, verify(file_text(sc.claim_of("age", source)), sc.KEY), sc.KEY)
    accept(memory, verify(file_text(sc.claim_of("sum", sc.amounts([1]))), sc.KEY), sc.KEY)
    accept(memory, verify(file_text(sc.claim_of("sum", source, seed=sc.OTHER_SEED)), sc.OTHER_KEY), sc.OTHER_KEY)
    assert len(memory.read_text(encoding="utf-8").splitlines()) == 6


@pytest.mark.parametrize("content", ["x\n", "[1, 2]\n", '["a", "b"]\n', "{}\n", "[" * 100_000 + "\n", "\n"])
def test_a_memory_that_is_none_is_not_written_to(tmp_path: Path, content: str) -> None:
    memory = tmp_path / "seen"
    memory.write_text(content, encoding="utf-8")
    verified = verify(file_text(sc.claim_of("sum", sc.findings([3]))), sc.KEY)
    with pytest.raises(ScenarioError, match="line 1: is no claim that was accepted"):
        accept(memory, verified, sc.KEY)
    assert memory.read_text(encoding="utf-8") == content
    memory.write_bytes(b"\xff\n")
    with pytest.raises(ScenarioError, match="not UTF-8"):
        accept(memory, verified, sc.KEY)
    with pytest.raises(ScenarioError, match="cannot be used"):
        accept(tmp_path, verified, sc.KEY)


def test_a_line_that_a_kill_cut_off_stops_nobody(tmp_path: Path) -> None:
    """Its claim was never said to be accepted; a whole line without its end was perhaps, and counts."""
    memory = tmp_path / "seen"
    first, second = (
        verify(file_text(sc.claim_of("sum", sc.findings([3]), epoch=epoch)), sc.KEY) for epoch in ("one", "two")
    )
    accept(memory, first, sc.KEY)
    line = memory.read_text(encoding="utf-8")
    for cut in (1, 2, 40, len(line) - 2):
        memory.write_text(line + line.replace("one", "two")[:cut], encoding="utf-8")
        accept(memory, second, sc.KEY)
        assert memory.read_text(encoding="utf-8") == line + line.replace("one", "two"), cut
    memory.write_text(line.rstrip("\n"), encoding="utf-8")
    with pytest.raises(ClaimError, match="replay"):
        accept(memory, first, sc.KEY)
    accept(memory, second, sc.KEY)
    assert memory.read_text(encoding="utf-8") == line + line.replace("one", "two")


def test_names_cannot_be_glued_to_pass_for_others(tmp_path: Path) -> None:
    """`a, b` of organisation `x` is not `b` of organisation `x, a`: entries are lists."""
    memory = tmp_path / "seen"
    for organisation, epoch in (('x", "a', "b"), ("x", 'a", "b')):
        claim = sc.claim_of("sum", sc.findings([3]), organisation=organisation, epoch=epoch)
        accept(memory, verify(file_text(claim), sc.KEY), sc.KEY)
    assert [len(json.loads(line)) for line in memory.read_text(encoding="utf-8").splitlines()] == [5, 5]
