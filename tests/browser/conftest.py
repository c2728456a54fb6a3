"""A headless browser for all tests here, and a report to open in it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "unit" / "training" / "reports")]

if TYPE_CHECKING:
    from chromium import Browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Browser"]:
    """Chromium. Where there is none, the tests are skipped."""
    import chromium

    program = chromium.find()
    if program is None:
        pytest.skip("no browser; install Chromium (Debian: apt-get install chromium) or name one in CHROMIUM")
    started = chromium.Browser(program, tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small benchmark."""
    pytest.importorskip("pyarrow")
    import folders

    from patchpact.training.reports.benchmark import write_benchmark_report

    return write_benchmark_report(folders.write(tmp_path_factory.mktemp("benchmark") / "small"))
