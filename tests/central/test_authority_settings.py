"""An authority's settings and unit: the example is whole, half a pair is refused, limits only go down."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from central.authority.settings import AuthoritySettings
from central.errors import BadSettings

UNITS = Path(__file__).parents[2] / "central" / "units"
EXAMPLE = (UNITS / "authority.example.env").read_text()


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CAIRN_")]:
        monkeypatch.delenv(name)


def filled(office: str) -> str:
    """The example as this office would fill it in, with every line that is commented out switched on."""
    text = re.sub(r"^# (CAIRN_)", r"\1", EXAMPLE, flags=re.MULTILINE).replace("<name>", office)
    return re.sub(r"<([a-z' ]+)>", lambda gap: gap[1].replace(" ", "-").replace("'", ""), text)


def load(folder: Path, text: str) -> AuthoritySettings:
    file = folder / "authority.env"
    file.write_text(text)
    return AuthoritySettings.load(file)


def test_the_example_serves_two_offices_that_share_nothing(tmp_path: Path) -> None:
    """As it comes it is refused; filled in, both offices have names, databases, keys and credentials of their own."""
    with pytest.raises(BadSettings, match="placeholder"):
        load(tmp_path, EXAMPLE)
    north, south = (load(tmp_path, filled(office)) for office in ("north", "south"))
    for part in ("name", "database", "signing_key", "certificate", "key", "passphrase_file", "witness_store"):
        assert getattr(north, part) != getattr(south, part)
    assert "north" in str(north.database)
    place = north.token()
    assert place is not None
    assert "cairn-authority@north.service" in str(place.pin_file)


def test_the_unit_hands_over_what_the_example_reads() -> None:
    """Every credential in the example's paths is one that the unit loads, under the unit's own name."""
    loaded = re.findall(r"^LoadCredential=([\w.]+):", (UNITS / "cairn-authority@.service").read_text(), re.MULTILINE)
    read = set(re.findall(r"/run/credentials/cairn-authority@<name>\.service/([\w.]+)", EXAMPLE))
    assert set(loaded) == read


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("CAIRN_AUTHORITY_MAX_CASES=11", "MAX_CASES"),
        ("CAIRN_AUTHORITY_MAX_PROBES_PER_EPOCH=65", "MAX_PROBES_PER_EPOCH"),
        ("CAIRN_AUTHORITY_HOURS_AHEAD=25", "HOURS_AHEAD"),
        ("CAIRN_AUTHORITY_TOKEN_LABEL=", "belong together"),
        ("CAIRN_AUTHORITY_WITNESS_LOGS=[]", "belong together"),
        ("CAIRN_AUTHORITY_PASSPHRASE=secret", "no such setting"),
    ],
)
def test_what_goes_beyond_a_limit_or_is_half_set_is_refused(tmp_path: Path, line: str, says: str) -> None:
    """A limit can only be lowered, a token needs all of its parts, and no secret is ever a setting."""
    with pytest.raises(BadSettings, match=says):
        load(tmp_path, filled("north") + line + "\n")


def test_an_authority_needs_something_to_wrap_its_secrets_with(tmp_path: Path) -> None:
    """Neither a passphrase's file nor a token: refused before a database is made."""
    text = re.sub(r"^CAIRN_AUTHORITY_(PASSPHRASE|TOKEN)\w*=.*\n", "", filled("north"), flags=re.MULTILINE)
    with pytest.raises(BadSettings, match="set passphrase_file"):
        load(tmp_path, text)
