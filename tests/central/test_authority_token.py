"""Day secrets under a key that never leaves a token, with the real SoftHSM2, and moving from one key to another."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from pkcs11 import Attribute
from pkcs11.exceptions import AttributeSensitive
from sqlmodel import Session, select

from central.authority.kek import CannotUnwrap, TokenAway, WrongPin, WrongToken
from central.authority.released import Recipient
from central.authority.service import Authority
from central.authority.tables import DaySecret
from central.authority.token_key import TokenKey
from shared.errors import BadInput
from tests.central.authority_fixtures import NOW, World
from tests.central.token_fixtures import SoftToken, soft_token

CONTEXT = b"cairn/v1 day secret north 2026-11-24"
WORKER = bytes(range(32))


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftToken]:
    with soft_token(tmp_path / "hsm", monkeypatch) as made:
        yield made


@pytest.fixture
def key(token: SoftToken) -> Iterator[TokenKey]:
    made = TokenKey(token.place())
    assert made.make()
    yield made
    made.close()


def on_token(world: World, token: SoftToken) -> Authority:
    """Authority a again, on the same database, with the token in its settings."""
    files = dataclasses.replace(world.authorities[0].files, token=token.place())
    return Authority(files, world.clock)


def test_a_secret_opens_again_and_only_for_what_it_was_wrapped_for(key: TokenKey) -> None:
    """What the token wrapped it unwraps, for the same context only, and every wrapping is another."""
    secret = bytes(range(32))
    wrapped = key.wrap(secret, CONTEXT)
    assert key.unwrap(wrapped, CONTEXT) == secret
    assert secret not in wrapped
    assert key.wrap(secret, CONTEXT) != wrapped
    for wrong, context in ((wrapped, CONTEXT + b"5"), (wrapped[:-1] + b"\0", CONTEXT), (b"short", CONTEXT)):
        with pytest.raises(CannotUnwrap):
            key.unwrap(wrong, context)
    assert key.unwrap(wrapped, CONTEXT) == secret


def test_the_key_is_made_once_and_never_leaves_the_token(token: SoftToken, key: TokenKey) -> None:
    """Making it again changes nothing, and nobody who has the PIN can read it out."""
    before = key.id
    assert not TokenKey(token.place()).make()
    assert key.id == before
    with pytest.raises(AttributeSensitive):
        key._opened()[Attribute.VALUE]


def test_a_wrong_pin_is_refused_by_name_and_not_tried_again(token: SoftToken, key: TokenKey) -> None:
    """WrongPin, once: whoever tries again and again locks the token for everybody."""
    key.close()
    token.pin_file.write_text("another PIN")
    other = TokenKey(token.place())
    with pytest.raises(WrongPin, match="PinIncorrect"):
        other.wrap(b"secret", CONTEXT)
    token.pin_file.write_text("correct horse 1234")
    with pytest.raises(WrongPin, match="not tried again"):
        other.wrap(b"secret", CONTEXT)
    assert TokenKey(token.place()).id


def test_a_token_that_is_taken_away_is_named_and_works_again_when_it_is_back(token: SoftToken, key: TokenKey) -> None:
    """TokenAway while it is gone, for wrapping and unwrapping; afterwards the same secrets open."""
    wrapped = key.wrap(b"secret", CONTEXT)
    token.take_away()
    for _ in range(2):
        with pytest.raises(TokenAway):
            key.unwrap(wrapped, CONTEXT)
    with pytest.raises(TokenAway):
        key.wrap(b"secret", CONTEXT)
    token.bring_back()
    assert key.unwrap(wrapped, CONTEXT) == b"secret"


def test_a_wrong_token_or_no_token_is_named(token: SoftToken, key: TokenKey, tmp_path: Path) -> None:
    """Another token has no such key; a label that nobody has, and a driver that is none, say so."""
    key.close()
    with pytest.raises(TokenAway, match="no one token"):
        TokenKey(token.place("south")).wrap(b"secret", CONTEXT)
    with pytest.raises(WrongToken, match="holds 0 keys"):
        TokenKey(token.place(key="another label")).wrap(b"secret", CONTEXT)
    nowhere = dataclasses.replace(token.place(), module=tmp_path / "driver.so")
    with pytest.raises(TokenAway, match="does not answer"):
        TokenKey(nowhere).wrap(b"secret", CONTEXT)
    nothing = dataclasses.replace(token.place(), pin_file=tmp_path / "no pin")
    with pytest.raises(BadInput, match="pin file"):
        TokenKey(nothing).wrap(b"secret", CONTEXT)


def test_day_secrets_move_to_the_token_and_back_and_stay_what_they_are(token: SoftToken, tmp_path: Path) -> None:
    """After rewrap the token opens what the passphrase wrapped, shares are the same, and the old key opens nothing."""
    world = World(tmp_path)
    first = world.authorities[0]
    secret = first._secrets._live([NOW.date()])[NOW.date()]
    key = TokenKey(token.place())
    key.make()
    assert first.rewrap(key) == len(first._secrets.days())
    assert first.rewrap(key) == 0
    with pytest.raises(CannotUnwrap, match="another kind of key"):
        first._secrets._live([NOW.date()])[NOW.date()]
    moved = on_token(world, token)
    assert moved._secrets._live([NOW.date()])[NOW.date()] == secret
    with Session(moved.engine) as session:
        assert {row.key_id for row in session.exec(select(DaySecret))} == {key.id}
    key.close()
    moved.rewrap(first.files.key(first.engine))
    assert first._secrets._live([NOW.date()])[NOW.date()] == secret


def test_without_its_token_an_authority_releases_nothing_and_says_why(token: SoftToken, tmp_path: Path) -> None:
    """TokenAway travels to whoever asked and into the log; when the token is back, the same release is granted."""
    world = World(tmp_path)
    key = TokenKey(token.place())
    key.make()
    world.authorities[0].rewrap(key)
    key.close()
    served = on_token(world, token)
    release = world.release()
    assert served.release(release, Recipient.SEARCH, WORKER)
    token.take_away()
    with pytest.raises(TokenAway):
        served.release(release, Recipient.SEARCH, WORKER)
    assert "TokenAway" in served.log_entries()[-1].detail
    token.bring_back()
    assert served.release(release, Recipient.SEARCH, WORKER)


def test_a_key_that_was_replaced_in_the_token_opens_nothing(token: SoftToken, tmp_path: Path) -> None:
    """A token of the same name with a newly made key is found out: its key has another identifier and cannot unwrap."""
    world = World(tmp_path)
    key = TokenKey(token.place())
    key.make()
    world.authorities[0].rewrap(key)
    key.close()
    session = key._login(rw=True)
    for found in session.get_objects({Attribute.LABEL: token.place().key}):
        found.destroy()
    session.close()
    TokenKey(token.place()).make()
    with pytest.raises(CannotUnwrap):
        on_token(world, token)._secrets._live([NOW.date()])[NOW.date()]
