"""A city's cameras come in whole or not at all, and again without harm."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.inventory import BadInventory, CameraRow, assign_cells, import_inventory, read_inventory
from provisioning.registry import open_registry
from shared.cells import CELL_SIZE

HEAD = "camera_id,latitude,longitude,indoor,cell\n"
CITY = 10_820


def _csv(tmp_path: Path, *lines: str, head: str = HEAD) -> Path:
    path = tmp_path / "cameras.csv"
    path.write_text(head + "".join(f"{line}\n" for line in lines))
    return path


def _import(tmp_path: Path, path: Path) -> dict[str, int]:
    rows = read_inventory(path)
    with open_registry(tmp_path / "registry.db") as registry:
        return import_inventory(registry, rows)


def _cells(tmp_path: Path) -> dict[str, str]:
    with open_registry(tmp_path / "registry.db") as registry:
        return {row["camera"]: row["cell"] for row in registry.execute("SELECT camera, cell FROM cameras")}


def test_a_whole_city_is_imported_and_again_nothing_changes(tmp_path: Path) -> None:
    """10,820 cameras get cells of at most 16; the same file again changes none of them."""
    lines = [f"cam-{i:05d},{37.4 + (i % 104) * 0.001},{126.7 + i // 104 * 0.001},{i % 2}," for i in range(CITY)]
    path = _csv(tmp_path, *lines)
    assert _import(tmp_path, path) == {"added": CITY, "changed": 0, "unchanged": 0}
    cells = _cells(tmp_path)
    assert max(Counter(cells.values()).values()) <= CELL_SIZE
    assert _import(tmp_path, path) == {"added": 0, "changed": 0, "unchanged": CITY}
    assert _cells(tmp_path) == cells


def test_a_camera_that_moved_keeps_its_cell(tmp_path: Path) -> None:
    """A changed position is a change; the cell, under whose keys it works, stays."""
    _import(tmp_path, _csv(tmp_path, "cam-1,37.5,127.0,0,cell-7", "cam-2,37.6,127.0,1,"))
    before = _cells(tmp_path)
    assert _import(tmp_path, _csv(tmp_path, "cam-1,37.7,127.0,0,")) == {"added": 0, "changed": 1, "unchanged": 0}
    assert _cells(tmp_path) == before


def test_a_second_file_never_gets_the_cells_of_the_first(tmp_path: Path) -> None:
    """New cameras without a cell do not slip into a cell of cameras elsewhere in the city."""
    _import(tmp_path, _csv(tmp_path, *(f"cam-a{i},37.5,127.{i:03d},0," for i in range(20))))
    first = set(_cells(tmp_path).values())
    _import(tmp_path, _csv(tmp_path, *(f"cam-b{i},35.1,129.{i:03d},0," for i in range(20))))
    cells = _cells(tmp_path)
    assert not {cells[f"cam-b{i}"] for i in range(20)} & first


def test_every_bad_line_is_named_and_nothing_is_imported(tmp_path: Path) -> None:
    """One look tells all that must be mended."""
    bad = [
        "cam-2,91,127,0,",
        "cam-3,x,127,0,",
        "Cam 4,37,127,0,",
        "cam-5,37,127,yes,",
        "cam-1,37,127,0,",
        "cam-6,37",
        "cam-7,nan,127,0,",
    ]
    path = _csv(tmp_path, "cam-1,37.5,127.0,0,", *bad)
    with pytest.raises(BadInventory) as caught:
        _import(tmp_path, path)
    for line in range(3, 10):
        assert f"line {line}:" in caught.value.message
    assert "cam-1 stands twice" in caught.value.message
    assert "nothing was imported" in caught.value.hint
    assert _cells(tmp_path) == {}


def test_many_bad_lines_are_not_all_printed(tmp_path: Path) -> None:
    """A file of another kind does not flood the screen."""
    with pytest.raises(BadInventory, match="and 90 more"):
        read_inventory(_csv(tmp_path, *(f"cam-{i},x,y,0," for i in range(100))))


@pytest.mark.parametrize("head", ["", "camera_id,lat,lon,indoor\n", "camera_id;latitude;longitude;indoor\n"])
def test_wrong_columns_are_told_with_the_right_ones(tmp_path: Path, head: str) -> None:
    """The hint gives the first line as it should be."""
    with pytest.raises(BadInventory) as caught:
        read_inventory(_csv(tmp_path, "cam-1,37,127,0,", head=head))
    assert "camera_id, latitude, longitude, indoor, cell" in caught.value.hint


def test_a_spreadsheets_mark_at_the_beginning_does_no_harm(tmp_path: Path) -> None:
    """Excel writes a byte-order mark before the first column's name."""
    path = _csv(tmp_path, "cam-1,37.5,127.0,1,cell-1")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_inventory(path) == [CameraRow("cam-1", 37.5, 127.0, True, "cell-1")]


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_any_other_file_is_refused_by_name(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    """Whatever the bytes are: BadInventory and no other error."""
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(HEAD.encode() + raw)
    try:
        rows = read_inventory(path)
    except BadInventory:
        return
    assert rows


def test_a_missing_and_an_empty_file_are_named(tmp_path: Path) -> None:
    """Neither is a traceback."""
    with pytest.raises(BadInventory, match="cannot read"):
        read_inventory(tmp_path / "missing.csv")
    with pytest.raises(BadInventory, match="names no camera"):
        read_inventory(_csv(tmp_path))


def test_cells_hold_neighbours(tmp_path: Path) -> None:
    """Two crowds of cameras far apart never share a cell."""
    rows = [CameraRow(f"cam-{i}", 37.0 + i % 4 * 1e-3, 127.0 + (i // 16) + i * 1e-4, False, "") for i in range(32)]
    cells = {row.camera: row.cell for row in assign_cells(rows)}
    assert not {cells[f"cam-{i}"] for i in range(16)} & {cells[f"cam-{i}"] for i in range(16, 32)}
