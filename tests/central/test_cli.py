"""cairn-central as it is typed: help with examples, answers in words and JSON, refusals with 2, Ctrl-C with 130."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.__main__ import _parser, main
from shared.fleet import Fleet, FleetCamera, FleetNode, fleet_to_json
from tests.system.site import free_port
from tests.waiting import wait_until


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, and a database in it."""
    for name in [name for name in os.environ if name.startswith("CAIRN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CAIRN_CENTRE_DATABASE", f"sqlite:///{tmp_path / 'centre.sqlite'}")
    return tmp_path


def answer(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    main([*map(str, arguments), "--json"])
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def commands(parser: argparse.ArgumentParser, path: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that does something, with its words."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield path.strip(), parser
    for group in groups:
        for name, below in group.choices.items():
            yield from commands(below, f"{path} {name}")


def test_every_command_explains_itself() -> None:
    """Each command has an example in its help, and --json where it answers."""
    found = dict(commands(_parser()))
    wanted = "serve probes ingest search key"
    wanted_case = "open register consent approve search route contacts map show list withdraw close"
    assert set(wanted.split()) | {f"case {verb}" for verb in wanted_case.split()} <= set(found)
    for words in ("serve", "person", "node", "import", "list", "withdraw", "destroy"):
        assert f"authority {words}" in found
    for words, parser in found.items():
        text = parser.format_help()
        assert "example" in text, words
        assert f"cairn-central {words}" in text, words
        assert "--json" in text, words


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    """Asking for help imports neither the web framework nor the database."""
    code = "import sys, central.__main__ as m; m._parser().format_help(); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"fastapi", "sqlalchemy", "numpy", "paho"} & set(done.stdout.split())


def test_keys_are_made_once_and_for_the_owner_only(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Making a key again keeps it; the private part is 0600, and the public part is 32 bytes."""
    path = home / "kim.key"
    first = answer(capsys, "account", "key", path)
    private, public = Path(first["private"]).read_bytes(), Path(first["public"]).read_bytes()
    assert (path.stat().st_mode & 0o777, len(private), len(public)) == (0o600, 32, 32)
    assert answer(capsys, "key", "signing", path) == first
    assert path.read_bytes() == private
    made = answer(capsys, "key", "passphrase", home / "north.pass")
    assert len(Path(made["passphrase"]).read_text()) > 40
    assert "cannot write" in refused(capsys, "key", "sealing", "/proc/nowhere/x")


def test_an_account_gets_its_token_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The token goes to a file of 0600 when asked, is never listed, and a bad key is refused."""
    answer(capsys, "account", "key", home / "kim.key")
    token = home / "kim.token"
    made = answer(
        capsys, "account", "add", "kim", "--role", "tracer", "--key", home / "kim.key.pub", "--token-file", token
    )
    assert made.items() >= {"account": "kim", "roles": ["tracer"], "token_file": str(token)}.items()
    assert (token.stat().st_mode & 0o777, token.read_text().partition(".")[0]) == (0o600, "kim")
    [listed] = answer(capsys, "account", "list")
    assert listed.items() >= {"account": "kim", "roles": ["tracer"], "active": True, "key": "file"}.items()
    assert token.read_text().strip().partition(".")[2] not in str(listed)
    said = refused(capsys, "account", "add", "x", "--role", "tracer", "--key", token)
    assert "neither a raw public key of 32 bytes" in said
    assert "is not a valid name" in refused(
        capsys, "account", "add", "Kim Min", "--role", "tracer", "--key", home / "kim.key.pub"
    )


def fleet(*, revoked: bool = False) -> Fleet:
    signing = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    sealing = X25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    cameras = (FleetCamera("cam-1", 37.5, 127.0, False, "cell-1"), FleetCamera("cam-2", 37.6, 127.1, True, "cell-2"))
    return Fleet((FleetNode("box-1", "cell-1", signing, sealing, revoked),), cameras)


def test_a_fleet_is_taken_over_again_and_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Importing is idempotent; what the workshop revoked is revoked here, and garbage changes nothing."""
    path = home / "fleet.json"
    path.write_text(fleet_to_json(fleet()))
    for _ in range(2):
        assert answer(capsys, "node", "import", path) == {"nodes": 1, "revoked": 0, "cameras": 2}
    assert [row["camera"] for row in answer(capsys, "camera", "list")] == ["cam-1", "cam-2"]
    path.write_text(fleet_to_json(fleet(revoked=True)))
    answer(capsys, "node", "import", path)
    (box,) = answer(capsys, "node", "list")
    assert box["revoked_at"]
    path.write_text(fleet_to_json(fleet()))
    answer(capsys, "node", "import", path)
    assert answer(capsys, "node", "list")[0]["revoked_at"], "the old key never becomes valid again"
    path.write_text("{}")
    assert "not a fleet file" in refused(capsys, "node", "import", path)
    assert "cannot read" in refused(capsys, "node", "import", home / "nothing.json")
    assert "there is no node" in refused(capsys, "node", "revoke", "box-9")


def test_answers_are_tables_for_people(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json a list is a table, and an empty one says so."""
    main(["node", "list"])
    assert capsys.readouterr().out == "(none)\n"
    path = home / "fleet.json"
    path.write_text(fleet_to_json(fleet()))
    main(["node", "import", str(path)])
    main(["camera", "list"])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "nodes: 1"
    assert said[3].split() == ["camera", "latitude", "longitude", "indoor", "cell"]
    assert said[4].split() == ["cam-1", "37.5", "127.0", "no", "cell-1"]


def authority_env(home: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    for kind, name in (("signing", "north.key"), ("sealing", "probes.key"), ("passphrase", "north.pass")):
        answer(capsys, "key", kind, home / name)
    values = {
        "NAME": "north", "DATABASE": home / "north.sqlite", "PASSPHRASE_FILE": home / "north.pass",
        "SIGNING_KEY": home / "north.key", "PROBES_PUBLIC": home / "probes.key.pub", "PORT": free_port(),
    }  # fmt: skip
    env = home / "north.env"
    env.write_text("".join(f"CAIRN_AUTHORITY_{name}={value}\n" for name, value in values.items()))
    return env


def test_an_authority_is_kept_by_its_commands(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """People, boxes, a fleet, a withdrawal and a destruction, each answered, each refused when it makes no sense."""
    env = ["--env-file", str(authority_env(home, capsys))]
    answer(capsys, "account", "key", home / "kim.key")
    public = home / "kim.key.pub"
    answer(capsys, "authority", "person", "kim", "--role", "tracer", "--key", public, *env)
    (home / "fleet.json").write_text(fleet_to_json(fleet()))
    assert answer(capsys, "authority", "import", home / "fleet.json", *env) == {"nodes": 1, "dropped": 0}
    known = answer(capsys, "authority", "list", *env)
    assert [(row["kind"], row["name"], row["is"]) for row in known] == [
        ("person", "kim", ["tracer"]), ("node", "box-1", ["cell-1"]),
    ]  # fmt: skip
    (home / "fleet.json").write_text(fleet_to_json(fleet(revoked=True)))
    assert answer(capsys, "authority", "import", home / "fleet.json", *env) == {"nodes": 0, "dropped": 1}
    assert answer(capsys, "authority", "drop", "kim", *env)["person"] == "kim"
    assert "kim" not in [one["name"] for one in answer(capsys, "authority", "list", *env)]
    assert "knows no person" in refused(capsys, "authority", "drop", "kim", *env)
    assert answer(capsys, "authority", "withdraw", "case-1", *env)["case"] == "case-1"
    assert len(answer(capsys, "authority", "destroy", "2026-11-01", *env)["signature"]) == 128
    assert "cannot read the key" in refused(
        capsys, "authority", "node", "box-2", "--cell", "cell-1", "--key", home / "nothing", *env
    )
    env_file = home / "north.env"
    env_file.write_text(env_file.read_text().replace("north.pass", "short.pass"))
    (home / "short.pass").write_text("changeme")
    assert "short or a placeholder" in refused(capsys, "authority", "list", *env)


def test_a_case_command_without_a_centre_says_what_to_do(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No token, an unreadable one, a clear address, and nobody listening are each refused with the next step."""
    (home / "kim.token").write_text("kim.secret\n")
    (home / "bad.token").write_text("nonsense")
    here = f"http://127.0.0.1:{free_port()}"
    assert "cannot read the token" in refused(capsys, "case", "list", "--token-file", home / "none", "--api", here)
    assert "holds no token" in refused(capsys, "case", "list", "--token-file", home / "bad.token", "--api", here)
    said = refused(capsys, "case", "list", "--token-file", home / "kim.token", "--api", here)
    assert "does not answer" in said
    assert "cairn-central serve" in said
    far = refused(capsys, "case", "list", "--token-file", home / "kim.token", "--api", "http://centre.example")
    assert "in the clear" in far


def test_times_need_their_zone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A time without a zone, or no time at all, is refused before anything is asked."""
    for time in ("2026-11-24T09:00", "yesterday"):
        words = ["case", "open", "c", "--purpose", "p", "--from", time, "--until", "2026-11-24T09:00Z"]
        assert "zone" in refused(capsys, *words, "--token-file", "t", "--key", "k") or time == "yesterday"


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_service_ends_in_order(
    home: Path, capsys: pytest.CaptureFixture[str], sign: signal.Signals, code: int
) -> None:
    """Ctrl-C gives 130, and a service manager's stop ends it too; neither shows a trace."""
    env = authority_env(home, capsys)
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "central", "authority", "serve", "--env-file", str(env)], stdout=log, stderr=log
        )
        wait_until(lambda: "Uvicorn running" in (home / "log").read_text(), "the service", 60)
        process.send_signal(sign)
        assert process.wait(30) == code
    assert "Traceback" not in (home / "log").read_text()
