"""Puts the maker of small benchmark folders within reach of the tests beside it."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent))


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark folder that nobody changes."""
    pytest.importorskip("pyarrow")
    import folders

    return folders.write(tmp_path_factory.mktemp("benchmark") / "small")


@pytest.fixture
def folder(played: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return Path(shutil.copytree(played, tmp_path / "copy"))
