"""The commands of an authority's office: check, clock, statements, keys, and what enters its log."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.__main__ import main
from central.authority.opening import make_authority
from central.authority.service import Authority
from central.authority.settings import AuthoritySettings


class Office:
    """One authority's folder, and its commands as they are typed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys, self.env = folder, capsys, folder / "north.env"
        for kind, name in (("signing", "north.key"), ("sealing", "probes.key"), ("passphrase", "north.pass")):
            main(["key", kind, str(folder / name), "--json"])
        values = {
            "NAME": "north", "DATABASE": folder / "north.sqlite", "PASSPHRASE_FILE": folder / "north.pass",
            "SIGNING_KEY": folder / "north.key", "PROBES_PUBLIC": folder / "probes.key.pub",
        }  # fmt: skip
        self.env.write_text("".join(f"CAIRN_AUTHORITY_{name}={value}\n" for name, value in values.items()))
        capsys.readouterr()

    def does(self, *words: object) -> Any:
        main(["authority", *map(str, words), "--env-file", str(self.env), "--json"])
        return json.loads(self._capsys.readouterr().out)

    def refused(self, *words: object) -> str:
        with pytest.raises(SystemExit) as end:
            main(["authority", *map(str, words), "--env-file", str(self.env)])
        assert end.value.code == 2
        return self._capsys.readouterr().err

    def opened(self) -> Authority:
        return make_authority(AuthoritySettings.load(self.env))


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Office:
    for name in [name for name in os.environ if name.startswith("CAIRN_")]:
        monkeypatch.delenv(name)
    return Office(tmp_path, capsys)


def public_key(folder: Path, name: str) -> Path:
    path = folder / f"{name}.pub"
    path.write_bytes(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    return path


def test_check_says_what_is_well_and_ends_with_2_when_something_is_not(office: Office) -> None:
    """Each part with its verdict; a file that others may read is named, with what to do."""
    assert {row["found"] for row in office.does("check")} == {"well"}
    (office.folder / "north.key").chmod(0o644)
    said = office.refused("check")
    assert "others may use the file" in said
    assert "chmod 600" in said


def test_a_person_accepts_the_clock_and_it_is_in_the_log(office: Office) -> None:
    """The command says what was in doubt; the log keeps that somebody looked."""
    assert office.does("clock", "accept")["was"] == "in no doubt"
    assert office.opened().log_entries()[-1].action == "clock accepted"


def test_statements_are_listed_and_anybody_verifies_them(office: Office) -> None:
    """From the list to a file to a verdict, with the public key alone; another's key, or an edited day, is refused."""
    office.does("destroy", "2026-11-01")
    office.does("destroy", "2026-11-02")
    file, key = office.folder / "statements.json", office.folder / "north.key.pub"
    file.write_text(json.dumps(office.does("statements")))
    verdict = office.does("statements", "--file", file, "--key", key)
    assert [(row["day"], row["signed"]) for row in verdict] == [("2026-11-01", "yes"), ("2026-11-02", "yes")]
    assert "not signed" in office.refused("statements", "--file", file, "--key", public_key(office.folder, "other"))
    assert "--key" in office.refused("statements", "--file", file)
    file.write_text(file.read_text().replace("2026-11-02", "2026-11-03"))
    assert "not signed" in office.refused("statements", "--file", file, "--key", key)
    for nonsense in ("[{}]", "{", '"text"', "[3]"):
        file.write_text(nonsense)
        assert str(file) in office.refused("statements", "--file", file, "--key", key)


def test_without_a_token_there_is_none_to_make_a_key_in(office: Office) -> None:
    """Named, with the settings that are missing; moving to a token that is not configured as well."""
    assert "no token is configured" in office.refused("token")
    assert "both keys are needed" in office.refused("rewrap", "--to", "token")


def test_a_new_passphrase_takes_over(office: Office) -> None:
    """Day secrets move under the new passphrase; the settings then name its file, and the old one opens nothing."""
    office.opened()._secrets.draw(office.opened().clock.now().date())
    main(["key", "passphrase", str(office.folder / "new.pass")])
    office._capsys.readouterr()
    moved = office.does("rewrap", "--to", "passphrase", "--passphrase-file", office.folder / "new.pass")
    assert moved["moved"] == 1
    assert "does not unwrap" in office.refused("check")
    office.env.write_text(office.env.read_text().replace("north.pass", "new.pass"))
    assert {row["found"] for row in office.does("check")} == {"well"}


def test_every_change_of_the_register_is_in_the_log(office: Office) -> None:
    """Who was entered with which key and role, who left, and which box: nobody gets a second signature unseen."""
    key = public_key(office.folder, "lee")
    office.does("person", "lee", "--role", "approver", "--key", key)
    office.does("node", "box-1", "--cell", "cell-1", "--key", office.folder / "probes.key.pub")
    office.does("drop", "lee")
    entered, node, dropped = office.opened().log_entries()[-3:]
    assert (entered.action, node.action, dropped.action) == ("person entered", "node entered", "person dropped")
    assert entered.detail.startswith("lee approver ")
    assert node.detail.startswith("box-1 cell-1 ")
    assert dropped.detail == "lee"


def test_keys_are_what_others_verify_it_with(office: Office) -> None:
    """The log's verifier key, and the witness's once it is set up; its store is made once."""
    first = office.does("keys")
    assert first["log"].startswith("cairn/authority/north+")
    assert first["witness"] == ""
    main(["key", "signing", str(office.folder / "witness.key")])
    office._capsys.readouterr()
    with office.env.open("a") as file:
        file.write(f"CAIRN_AUTHORITY_WITNESS_KEY={office.folder / 'witness.key'}\n")
        file.write(f"CAIRN_AUTHORITY_WITNESS_STORE={office.folder / 'witness.sqlite'}\n")
        file.write(f"CAIRN_AUTHORITY_WITNESS_LOGS={json.dumps([first['log']])}\n")
    assert "no witness store" in office.refused("keys")
    assert office.does("keys", "--init")["witness"].startswith("cairn/witness/north+")
    assert "exists already" in office.refused("keys", "--init")
