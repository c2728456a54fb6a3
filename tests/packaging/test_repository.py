"""What every tracked file keeps to: no place of one machine, no registry's address, one end of line."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

# Put together here, so that this file keeps to its own rule.
HOSTS = ("py" + "pi.org", "pythonhosted" + ".org", "npm" + "js.org", "download.pytorch" + ".org")
PLACES = ("/" + "home/", "/" + "root/", "/" + "work/", "/" + "opt/", "/" + "Users/")
DATA = (".csv", ".json", ".npz", ".png", ".svg")


@pytest.fixture(scope="module")
def files(repository: Path) -> list[Path]:
    """Tracked files, and those that would be tracked if all were added."""
    if shutil.which("git") is None or not (repository / ".git").exists():
        pytest.skip("no git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout
    found = sorted({repository / name for name in listed.split("\0") if name})
    return [file for file in found if file.is_file()]


def text_of(file: Path) -> str:
    content = file.read_bytes()
    return "" if b"\0" in content else content.decode("utf-8")


def test_no_registry_addresses(files: list[Path]) -> None:
    for file in files:
        text = text_of(file)
        assert not [host for host in HOSTS if host in text], file


def test_no_machine_paths(files: list[Path]) -> None:
    pattern = re.compile("|".join(rf"(?<![\w.}})*-]){re.escape(place)}\w" for place in PLACES))
    for file in files:
        if file.suffix not in DATA:
            match = pattern.search(text_of(file))
            assert match is None, f"{file}: {match and match[0]}"


def test_no_links(files: list[Path], repository: Path) -> None:
    assert not [file for file in files if file.is_symlink()]


def test_lines_end_in_one_way(files: list[Path]) -> None:
    for file in files:
        if file.suffix not in DATA:
            assert "\r" not in text_of(file), file


def test_no_large_files(files: list[Path]) -> None:
    for file in files:
        assert file.stat().st_size < 4 * 2**20, f"{file}: larger than 4 MiB"
