"""Where compiled code is kept."""

import os
from pathlib import Path

import pytest

from patchpact.envs.core import cache


def test_the_folder_is_named_after_the_sources():
    name = cache.fingerprint()
    assert name == cache.fingerprint()
    assert len(name) == 16 and int(name, 16) >= 0


def test_the_environment_variable_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("PATCHPACT_CACHE_DIR", str(tmp_path / "deep" / "cache"))
    assert cache.cache_root() == tmp_path / "deep" / "cache"
    assert not list(cache.cache_root().iterdir()), "no probe is left behind"


def test_a_folder_that_cannot_be_made_is_replaced(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PATCHPACT_CACHE_DIR", str(tmp_path / "file" / "below"))
    root = cache.cache_root()
    assert root.is_dir() and os.access(root, os.W_OK)
    assert root != tmp_path / "file" / "below"


def test_old_folders_are_forgotten(monkeypatch, tmp_path):
    monkeypatch.setenv("PATCHPACT_CACHE_DIR", str(tmp_path))
    old, recent = tmp_path / "kernels-0000000000000000", tmp_path / "kernels-1111111111111111"
    for folder in (old, recent):
        folder.mkdir()
    os.utime(old, (0, 0))
    with cache.kernel_cache():
        pass
    assert not old.exists() and recent.exists()
    assert (tmp_path / f"kernels-{cache.fingerprint()}").is_dir()


@pytest.mark.parametrize("folder", ["envs/core", "agents/roles"])
def test_sources_are_found_where_they_lie(folder):
    package = Path(cache.__file__).resolve().parents[2]
    assert list((package / folder).rglob("*.py"))
