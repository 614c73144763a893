"""What a box installs is `shared` and `edge` and nothing else: built, installed and run where the source tree is not.

Editable installs put the whole tree on the path, so only a built wheel can show that a room stands without the others.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COMMANDS = {"edge": "cairn-edge", "central": "cairn-central", "provisioning": "cairn-provision"}

_LOOK = """
import importlib, importlib.util, json, pkgutil, sys
room = sys.argv[1]
package = importlib.import_module(room)
names = [found.name for found in pkgutil.walk_packages(package.__path__, room + ".")]
names = [name for name in names if not name.endswith("__main__") and "picamera" not in name]
for name in names:
    importlib.import_module(name)
others = {"edge", "central", "provisioning", "tests"} - {room}
print(json.dumps({
    "imported": len(names),
    "at": package.__file__,
    "strangers": sorted(name for name in others if importlib.util.find_spec(name)),
}))
"""


class Clean:
    """An environment with the locked packages, without the source tree."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.wheels, self.bin = wheels, folder / "bin"
        venv.create(folder, with_pip=False, symlinks=True)
        # A path in a .pth file is not searched for further .pth files, so the editable rooms stay behind.
        packages = sysconfig.get_path("purelib")
        mine = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
        (mine / "packages.pth").write_text(packages + "\n")

    def install(self, *rooms: str) -> None:
        wheels = [str(build(room, self.wheels)) for room in rooms]
        pip = [sys.executable, "-m", "pip", "--python", str(self.bin / "python"), "install", "-q", "--no-deps"]
        run([*pip, "--no-index", "--force-reinstall", *wheels], self.wheels)

    def look(self, room: str) -> dict[str, object]:
        answer: dict[str, object] = json.loads(run([self.bin / "python", "-I", "-c", _LOOK, room], self.wheels))
        return answer


def build(room: str, into: Path) -> Path:
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)], ROOT / room)
    return next(into.glob(f"cairn_{room}-*.whl"))


def run(command: list[str | Path], folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("room", ["shared", *COMMANDS])
def test_a_wheel_holds_every_file_of_its_room_and_no_other(tmp_path: Path, room: str) -> None:
    """A page, a preset or a unit that the wheel left out would be missing only on a real machine."""
    tracked = run(["git", "ls-files", room], ROOT).split()
    with zipfile.ZipFile(build(room, tmp_path)) as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    expected = {name for name in tracked if (ROOT / name).exists()} - {
        f"{room}/pyproject.toml",
        f"{room}/hatch_build.py",
    }
    assert expected <= packed
    assert {name.split("/")[0] for name in packed} == {room}


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler: tools/need gcc libc6-dev")
def test_the_wheel_of_the_centre_brings_its_compiled_transform(tmp_path: Path) -> None:
    """It says for which kind of machine it is, and where it was installed the library is found and fits."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    clean = Clean(tmp_path / "venv", wheels)
    clean.install("shared", "central")
    (wheel,) = wheels.glob("cairn_central-*.whl")
    assert wheel.stem.endswith(sysconfig.get_platform().replace("-", "_").replace(".", "_"))
    code = "from central.probes import transform; print(transform.built(transform.BUILT) is not None)"
    assert run([clean.bin / "python", "-I", "-B", "-c", code], tmp_path).strip() == "True"


@pytest.mark.parametrize("room", COMMANDS)
def test_a_room_runs_without_the_others(tmp_path: Path, room: str) -> None:
    """Every module of the installed room imports, its command answers, and no other room can be found."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    clean = Clean(tmp_path / "venv", wheels)
    clean.install("shared", room)
    seen = clean.look(room)
    assert seen["strangers"] == []
    assert str(seen["at"]).startswith(str(tmp_path))
    assert isinstance(seen["imported"], int)
    assert seen["imported"] > 5
    assert COMMANDS[room] in run([clean.bin / COMMANDS[room], "--help"], tmp_path)


def test_an_installed_box_brings_its_models(tmp_path: Path) -> None:
    """The weights are in the wheel and pass their checksums where they were installed."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    clean = Clean(tmp_path / "venv", wheels)
    clean.install("shared", "edge")
    code = "from edge.model_vision import ModelVision; ModelVision.load(); print('seeing')"
    assert "seeing" in run([clean.bin / "python", "-I", "-c", code], tmp_path)


def test_an_installed_centre_makes_its_database(tmp_path: Path) -> None:
    """The migrations are in the wheel and run where they were installed."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    clean = Clean(tmp_path / "venv", wheels)
    clean.install("shared", "central")
    code = (
        "from central.database import open_database; from central.migrations.trees import CENTRE, version\n"
        "with open_database('sqlite:///centre.sqlite').connect() as connection:\n"
        "    print(version(connection, CENTRE) == CENTRE.newest)"
    )
    assert run([clean.bin / "python", "-I", "-B", "-c", code], tmp_path).strip() == "True"
