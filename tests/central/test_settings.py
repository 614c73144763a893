"""Settings: from the environment and a file, complete, spelt right, without placeholders, and never shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from central.authority.settings import AuthoritySettings
from central.errors import BadSettings
from central.settings import CentreSettings, DatabaseSettings, IngestSettings

GOOD = """CAIRN_CENTRE_DATABASE=postgresql+psycopg://cairn:s3cret-word@db/cairn
CAIRN_CENTRE_AUTHORITIES={"north":"https://north:8471","south":"https://south:8471"}
CAIRN_CENTRE_PROBES=https://probes:8481
CAIRN_INGEST_DATABASE=sqlite:///x
"""


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A complete file, and an environment without any setting of ours."""
    for name in [name for name in os.environ if name.startswith("CAIRN_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "centre.env"
    path.write_text(GOOD)
    return path


def test_a_file_gives_the_settings_and_the_environment_wins(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other programs' names in the same file are passed over."""
    monkeypatch.setenv("CAIRN_CENTRE_PORT", "9000")
    settings = CentreSettings.load(env)
    assert (settings.port, settings.authorities["south"]) == (9000, "https://south:8471")
    assert DatabaseSettings.load(env).database == settings.database


def test_a_password_is_not_shown(env: Path) -> None:
    """Neither the settings nor a complaint about them repeats what they hold."""
    assert "s3cret" not in repr(CentreSettings.load(env))
    env.write_text(GOOD + "CAIRN_CENTRE_PORT=s3cret-word\n")
    with pytest.raises(BadSettings) as refusal:
        CentreSettings.load(env)
    assert "CAIRN_CENTRE_PORT" in str(refusal.value)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("CAIRN_CENTRE_PROBES=<fill in>", "placeholder"),
        ("CAIRN_CENTRE_PROBES=changeme", "placeholder"),
        ("CAIRN_CENTRE_DATABASE=postgresql://cairn:your-password@db/cairn", "placeholder"),
        ("CAIRN_CENTRE_PROBS=x", "no such setting: CAIRN_CENTRE_PROBS"),
        ("CAIRN_CENTRE_AUTHORITIES={}", "at least 1"),
        ('CAIRN_CENTRE_AUTHORITIES={"a":"https://a","b":"https://b","c":"https://c","d":"https://d"}', "at most 3"),
        ("CAIRN_CENTRE_AUTHORITIES={north", "authorities"),
        ("CAIRN_CENTRE_CA=/ca.crt", "belong together"),
        ("CAIRN_CENTRE_SERVER_CERTIFICATE=/server.crt", "belong together"),
        ("CAIRN_CENTRE_PORT=99999", "CAIRN_CENTRE_PORT"),
    ],
)
def test_what_nobody_finished_is_refused(env: Path, line: str, says: str) -> None:
    """Placeholders, misspelt names, half of a pair and nonsense are refused by name before anything starts."""
    env.write_text(GOOD + line + "\n")
    with pytest.raises(BadSettings, match=says) as refusal:
        CentreSettings.load(env)
    assert refusal.value.hint


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that is not there is a named refusal."""
    with pytest.raises(BadSettings, match="cannot read"):
        CentreSettings.load(tmp_path / "none.env")


def test_ingest_needs_a_certificate(env: Path) -> None:
    """Without one the broker would not let it in, so it says so at once."""
    env.write_text(GOOD + "CAIRN_INGEST_BROKER_HOST=broker\n")
    with pytest.raises(BadSettings, match="no certificate"):
        IngestSettings.load(env).mqtt()


def test_an_authority_bears_its_service_name_at_the_broker() -> None:
    """The broker's access list knows an authority as svc-authority-NAME."""
    some = Path("/some")
    settings = AuthoritySettings(
        name="north", database=some, passphrase_file=some, signing_key=some, probes_public=some,
        ca=some, certificate=some, key=some, broker_host="broker",
    )  # fmt: skip
    mqtt = settings.mqtt()
    assert mqtt is not None
    assert (mqtt.client_id, mqtt.host) == ("svc-authority-north", "broker")
