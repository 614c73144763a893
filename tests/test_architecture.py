"""House rules, each with its reason: single doors, size budgets, tests that are sentences."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("shared", "edge", "central", "provisioning")
# One door each to the world outside: whoever changes a library or reviews what may start a process reads one file.
DOORS = {
    "paho": {"shared/transport/mqtt.py"},
    "ai_edge_litert": {"edge/inference/litert.py"},
    "tflite_runtime": {"edge/inference/litert.py"},
    "faiss": {"central/search/kernel.py"},
    "fido2": {"central/accounts/passkeys.py"},
    "fsspec": {"central/batches/place.py"},
    "limits": {"central/accounts/attempts.py"},
    "osmium": {"central/walking/extract.py"},
    "picamera2": {"edge/cameras/picamera.py"},
    "pkcs11": {"central/authority/token_key.py"},
    "pyarrow": {"central/batches/day_file.py"},
    "ray": {"central/search/ray_engine.py"},
    "cryptography.x509": {"provisioning/authority.py"},
    "hatchling": {"central/hatch_build.py"},
    "subprocess": {"provisioning/commands.py", "central/search/dispatch.py", "central/hatch_build.py"},
}
LONGEST_MODULE, LONGEST_FUNCTION, MOST_PARAMETERS = 400, 60, 8


@functools.cache
def sources(*folders: str) -> dict[str, ast.Module]:
    """Every tracked or new Python file below `folders`, parsed."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *folders],  # noqa: S607
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    files = [name for name in listed if name.endswith(".py") and (ROOT / name).exists()]
    return {name: ast.parse((ROOT / name).read_text()) for name in files}


@functools.cache
def imports(tree: ast.Module) -> set[str]:
    """Full dotted names that a module imports, at any depth."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


@pytest.mark.parametrize("door", DOORS)
def test_each_library_with_a_door_is_imported_there_only(door: str) -> None:
    """A library behind one of our protocols is imported in its one module."""
    users = {
        name
        for name, tree in sources(*ROOMS).items()
        if any(used == door or used.startswith(door + ".") for used in imports(tree))
    }
    assert users <= DOORS[door], f"{door} has one door, {DOORS[door]}; move this call behind it"


def test_modules_and_functions_stay_readable() -> None:
    """No module is over 400 lines, no function over 60, none takes more than 8 parameters."""
    offenders = []
    for name, tree in sources(*ROOMS).items():
        if len((ROOT / name).read_text().splitlines()) > LONGEST_MODULE:
            offenders.append(name)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                parameters = len(node.args.args) + len(node.args.kwonlyargs)
                if length > LONGEST_FUNCTION or parameters > MOST_PARAMETERS:
                    offenders.append(f"{name}:{node.lineno} {node.name}")
    assert not offenders


def test_every_test_is_a_sentence() -> None:
    """Each test states the behaviour that it checks in its docstring."""
    silent = [
        f"{name}:{node.lineno}"
        for name, tree in sources("tests").items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert not silent, "write the behaviour as a sentence in the docstring"


def test_nobody_sleeps_in_a_test() -> None:
    """Tests wait on conditions; a sleep is either too short or too long."""
    sleepers = [name for name, tree in sources("tests").items() if "time.sleep" in imports(tree)]
    sleepers += [
        name
        for name in sources("tests")
        if name != "tests/test_architecture.py" and re.search(r"\btime\.sleep\(", (ROOT / name).read_text())
    ]
    assert not sleepers, "wait on a condition: tests/waiting.py has wait_until"


def test_the_lock_is_hashed_and_names_no_host() -> None:
    """What is installed is pinned to its bytes, wherever it comes from; every need of a room is in it."""
    lock = (ROOT / "requirements.lock").read_text()
    pinned = dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", lock, re.MULTILINE | re.IGNORECASE))
    assert "://" not in lock
    assert lock.count("--hash=sha256:") >= len(pinned) > 20
    for room in ROOMS:
        needs = tomllib.loads((ROOT / room / "pyproject.toml").read_text())["project"]["dependencies"]
        names = {re.split(r"[\[<>=]", need)[0] for need in needs if not need.startswith("cairn-")}
        assert names <= set(pinned), f"{room} needs what is not locked: run make lock"


def test_no_work_folder_of_ours_is_named_in_the_project() -> None:
    """Paths of the machine that the code was written on mean nothing anywhere else."""
    listed = subprocess.run(
        ["git", "grep", "-lE", r"/work/(main|shared)|/root/"],  # noqa: S607
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    assert [name for name in listed if name != "tests/test_architecture.py"] == []
