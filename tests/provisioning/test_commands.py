"""The commands as a technician types them: what they print, what they answer to scripts, and how they refuse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from provisioning import authority
from provisioning.__main__ import main
from provisioning.registry import open_registry
from shared.fleet import fleet_from_json
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test stands in an empty workshop."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "provision"


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What a command answers to a script."""
    main(["--json", *arguments])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a refused command says on standard error; it exits with 2 and prints nothing else."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    said = capsys.readouterr()
    assert (stopped.value.code, said.out) == (2, "")
    return said.err


def test_a_site_is_set_up_command_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From nothing to a fleet file for the offices, with an enrolled box and a revoked one."""
    assert answer(capsys, "ca", "init")["created"] == 2
    assert answer(capsys, "ca", "init")["created"] == 0
    (tmp_path / "cameras.csv").write_text("camera_id,latitude,longitude,indoor,cell\ncam-1,37.5,127,0,cell-1\n")
    assert answer(capsys, "inventory", "import", "cameras.csv")["added"] == 1
    for node in ("box-1", "box-2"):
        token = answer(capsys, "node", "add", node, "--cell", "cell-1")["token"]
        claim = answer(capsys, "enrol", "prepare", "--node", node, "--token", token, "--keys", f"keys/{node}")
        (tmp_path / "claim.json").write_text(json.dumps(claim))
        (tmp_path / "answer.json").write_text(json.dumps(answer(capsys, "enrol", "accept", "claim.json")))
        assert answer(capsys, "enrol", "finish", "answer.json", "--keys", f"keys/{node}")["node"] == node
    assert answer(capsys, "revoke", "box-2")["revoked"]
    summary = answer(capsys, "fleet", "export", "fleet.json")
    assert (summary["nodes"], summary["revoked"], summary["cameras"]) == (2, 1, 1)
    fleet = fleet_from_json((tmp_path / "fleet.json").read_text())
    assert [(node.node, node.revoked) for node in fleet.nodes] == [("box-1", False), ("box-2", True)]
    assert [row["node"] for row in answer(capsys, "node", "list")["rows"]] == ["box-1", "box-2"]
    assert Path(answer(capsys, "service", "add", "svc-centre", "--host", "localhost")["keys"], "tls.crt").exists()
    broker = ("broker", "write", "--host", "localhost", "--authority", "north", "--authority", "south")
    assert Path(answer(capsys, *broker)["configuration"]).exists()


def test_an_answer_is_words_without_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A person reads names and values, a line each; --json may stand at the end, too."""
    main(["ca", "init"])
    assert "created: 2\n" in capsys.readouterr().out
    main(["node", "list", "--json"])
    assert json.loads(capsys.readouterr().out) == {"rows": []}


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("node", "add", "Box 1", "--cell", "cell-1"), "not a valid name", "lower-case"),
        (("revoke", "box-9"), "no node box-9", "node list"),
        (("inventory", "import", "missing.csv"), "cannot read", "UTF-8"),
        (("enrol", "accept", "missing.json"), "cannot read", "path"),
        (("enrol", "finish", "broken.json", "--keys", "keys"), "not an answer", "enrol accept"),
        (("fleet", "export", "no/folder/fleet.json"), "cannot write", "folder"),
        (("service", "add", "centre"), "not a service's name", "svc-"),
        (("broker", "write", "--host", "h", "--authority", "North!"), "not a valid name", "lower-case"),
        (("broker", "evict", "box-1"), "no broker was written", "broker write"),
    ],
)
def test_a_refusal_says_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str, hint: str
) -> None:
    """Exit status 2, the reason, and a hint on the next line; never a traceback."""
    (tmp_path / "broken.json").write_text("{}")
    main(["ca", "init"])
    capsys.readouterr()
    lines = refused(capsys, *arguments).splitlines()
    assert message in lines[0]
    assert hint in lines[-1]


def test_without_an_authority_every_command_that_needs_one_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """The first thing to do is named."""
    for arguments in (("service", "add", "svc-centre"), ("ca", "renew-crl")):
        assert "cairn-provision ca init" in refused(capsys, *arguments)


def test_a_damaged_registry_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is no database is a refusal in words."""
    home.mkdir()
    (home / "registry.db").write_bytes(b"rubbish" * 1000)
    assert "registry" in refused(capsys, "node", "list")


def test_a_list_that_ends_soon_is_warned_of_and_renewed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command warns a month before the broker would lock everyone out, and one command mends it."""
    with monkeypatch.context() as then:
        then.setattr(authority, "CRL_LIFE", timedelta(days=20))
        main(["ca", "init"])
    said = capsys.readouterr().err
    assert "lets nobody in" in said
    assert "cairn-provision ca renew-crl" in said
    until = datetime.fromisoformat(answer(capsys, "ca", "renew-crl")["valid_until"])
    assert until - datetime.now(UTC) > timedelta(days=300)
    main(["node", "list"])
    assert capsys.readouterr().err == ""


def test_ctrl_c_leaves_nothing_half_written(home: Path, tmp_path: Path) -> None:
    """Stopped in the middle of an import, a command exits with 130, and the registry is as it was."""
    lines = [f"cam-{i:06d},37.5,{100 + i * 1e-4},0," for i in range(150_000)]
    (tmp_path / "big.csv").write_text("\n".join(["camera_id,latitude,longitude,indoor,cell", *lines, ""]))
    command = [sys.executable, "-m", "provisioning", "--home", str(home), "inventory", "import", "big.csv"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        wait_until((home / "registry.db").exists, "the import to begin")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "nothing half-written" in said
    with open_registry(home / "registry.db") as registry:
        assert registry.execute("SELECT count(*) FROM cameras").fetchone()[0] == 0
