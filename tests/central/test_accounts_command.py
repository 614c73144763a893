"""cairn-central account as it is typed: what is done about people, and what it leaves in the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from central.accounts.service import account_of, put_key
from central.accounts.tables import Account
from central.audit.tables import AuditEntry
from central.database import open_database, writing
from central.errors import NotSignedIn
from central.signers import fingerprint
from tests.central.passkey_fixtures import SoftPasskey
from tests.central.test_cli import answer, authority_env, home, refused

__all__ = ["home"]


@pytest.fixture
def kim(home: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Path]:
    """kim with a key file, a token in a file, and the database's folder."""
    answer(capsys, "account", "key", home / "kim.key")
    public, token = home / "kim.key.pub", home / "kim.token"
    answer(capsys, "account", "add", "kim", "--role", "tracer", "--key", public, "--token-file", token)
    yield home


def token_of(home: Path, name: str = "kim") -> str:
    return (home / f"{name}.token").read_text().strip()


def row_of(home: Path, name: str) -> Account:
    with Session(open_database(f"sqlite:///{home / 'centre.sqlite'}")) as session:
        return session.get_one(Account, name)


def may_sign_in(home: Path, token: str, at: datetime | None = None) -> bool:
    with Session(open_database(f"sqlite:///{home / 'centre.sqlite'}")) as session:
        try:
            account_of(session, token, at or datetime.now(UTC))
        except NotSignedIn:
            return False
    return True


def noted(home: Path) -> list[str]:
    with Session(open_database(f"sqlite:///{home / 'centre.sqlite'}")) as session:
        return [row.detail for row in session.exec(select(AuditEntry).where(AuditEntry.action == "account"))]


def test_a_token_lasts_ninety_days_unless_told(kim: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The default is ninety days; --days says otherwise, within a year."""
    now = datetime.now(UTC)
    assert may_sign_in(kim, token_of(kim), now + timedelta(days=89))
    assert not may_sign_in(kim, token_of(kim), now + timedelta(days=91))
    answer(capsys, "account", "token", "kim", "--days", "7", "--token-file", kim / "kim.token")
    assert not may_sign_in(kim, token_of(kim), now + timedelta(days=8))
    for days in ("0", "367", "soon"):
        with pytest.raises(SystemExit):
            answer(capsys, "account", "token", "kim", "--days", days)


def test_a_new_token_goes_to_a_file_of_0600(kim: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rotation ends the old token, and the new one is on no screen."""
    old = token_of(kim)
    made = answer(capsys, "account", "token", "kim", "--token-file", kim / "kim.token")
    assert "token" not in made
    assert (kim / "kim.token").stat().st_mode & 0o777 == 0o600
    assert not may_sign_in(kim, old)
    assert may_sign_in(kim, token_of(kim))


def test_deactivating_names_what_is_left_to_do(kim: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The centre forgets at once; the offices are named, because each of them must drop the person itself."""
    done = answer(capsys, "account", "deactivate", "kim")
    assert "cairn-central authority drop kim" in done["left to do"]
    assert not may_sign_in(kim, token_of(kim))
    answer(capsys, "account", "activate", "kim")
    assert may_sign_in(kim, token_of(kim))
    assert noted(kim)[-2:] == ["kim: deactivated", "kim: activated"]
    assert "no account" in refused(capsys, "account", "deactivate", "kin")


def test_a_role_is_granted_for_a_time(kim: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its end in the list and in the log; a time without a zone is refused."""
    until = "2030-01-01T00:00:00+00:00"
    granted = answer(capsys, "account", "grant", "kim", "--role", "approver", "--until", until)
    assert granted["roles"] == ["approver", "tracer"]
    assert f"approver until {until[:16]}" in str(answer(capsys, "account", "list"))
    assert noted(kim)[-1] == f"kim: role approver until {until}"
    with pytest.raises(SystemExit):
        answer(capsys, "account", "grant", "kim", "--role", "approver", "--until", "2030-01-01T00:00")


def test_whoever_is_added_without_a_key_may_enrol_a_passkey(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a day, once; somebody with a key file may not, until an administrator allows it."""
    answer(capsys, "account", "add", "lee", "--role", "approver", "--token-file", home / "lee.token")
    allowed = row_of(home, "lee").enrol_until
    assert allowed is not None
    assert timedelta(hours=23) < allowed - datetime.now(UTC) <= timedelta(days=1)
    answer(capsys, "account", "key", home / "kim.key")
    answer(capsys, "account", "add", "kim", "--role", "tracer", "--key", home / "kim.key.pub")
    assert row_of(home, "kim").enrol_until is None
    answer(capsys, "account", "passkey", "kim")
    assert row_of(home, "kim").enrol_until is not None


def test_a_passkeys_file_goes_from_the_centre_to_an_office(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exported, registered by an authority's own command, with one fingerprint on both screens; junk is refused."""
    answer(capsys, "account", "add", "lee", "--role", "approver", "--token-file", home / "lee.token")
    assert "has no passkey" in refused(capsys, "account", "passkey-file", "lee")
    public = SoftPasskey().public.to_bytes()
    with writing(open_database(f"sqlite:///{home / 'centre.sqlite'}")) as session:
        put_key(session, "lee", public, 0)
        session.commit()
    exported = answer(capsys, "account", "passkey-file", "lee", "--out", home / "lee.passkey")
    assert exported["fingerprint"] == fingerprint(public)
    env = ["--env-file", str(authority_env(home, capsys))]
    key: dict[str, Any] = answer(
        capsys, "authority", "person", "lee", "--role", "approver", "--key", home / "lee.passkey", *env
    )
    assert key["fingerprint"] == exported["fingerprint"]
    (home / "junk.passkey").write_bytes(public[:-1])
    said = refused(capsys, "authority", "person", "eve", "--role", "approver", "--key", home / "junk.passkey", *env)
    assert "account passkey-file" in said
