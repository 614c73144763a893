"""Files that are whole or not there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.files import CannotWrite, write_whole


def test_of_two_who_write_at_once_one_wins_whole(tmp_path: Path) -> None:
    """Neither gets a part of the other's, neither fails, and nothing is left beside."""
    path, contents = tmp_path / "a", [bytes([65 + n]) * 200_000 for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_whole(path, content), contents * 4))
    assert path.read_bytes() in contents
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_of_two_who_may_replace_nothing_one_is_told(tmp_path: Path) -> None:
    """The file that was there first stays."""
    write_whole(tmp_path / "a", b"first", 0o600, over=False)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "a", b"second", over=False)
    assert (tmp_path / "a").read_bytes() == b"first"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_what_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    """A folder that is not there, and a folder in the file's place."""
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "no" / "a", tmp_path / "folder"):
        with pytest.raises(CannotWrite, match="cannot write"):
            write_whole(path, b"x")
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]
