"""Files are replaced whole or not at all."""

import os
import stat
import threading
from pathlib import Path

import pytest

from patchpact.scenarios.writing import replace_text, replacing


def test_what_fails_half_way_leaves_the_old_content_and_nothing_beside(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("before", encoding="utf-8")

    def write_half() -> None:
        with replacing(file) as stream:
            stream.write(b"half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        write_half()
    assert file.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o644)])
def test_who_may_read_it(tmp_path: Path, private: bool, mode: int) -> None:
    before = os.umask(0o022)
    try:
        replace_text(tmp_path / "a", "ä", private)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode
    assert (tmp_path / "a").read_bytes() == "ä".encode()


def test_a_link_keeps_its_place(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("before", encoding="utf-8")
    (tmp_path / "link").symlink_to("real")
    replace_text(tmp_path / "link", "after")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text(encoding="utf-8") == "after"


def test_of_many_who_write_at_once_one_is_last(tmp_path: Path) -> None:
    file = tmp_path / "a"
    texts = [str(n) * 100_000 for n in range(8)]
    threads = [threading.Thread(target=replace_text, args=(file, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read_text(encoding="utf-8") in texts
    assert list(tmp_path.iterdir()) == [file]
