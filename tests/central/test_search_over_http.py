"""What a pass asks of the offices, over the wire: some of a case's cells, and probes for several cases at once."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.authority.released import Recipient, open_released
from central.errors import ServiceDown
from central.probes import app as probes_app
from central.probes.answers import answers_from_bytes
from central.probes.client import ProbeClient
from central.probes.probe_sets import open_probes
from central.probes.service import ProbesAsked, ProbeService
from central.probes.templates import NoTemplate, SealedTemplates
from shared.errors import ReleaseRefused
from tests.central.authority_fixtures import CELL, World, replaced, some_faces
from tests.central.http_fixtures import serving
from tests.central.test_authority_app import probe_settings, served_authority

OTHER = "cell-2"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def release(world: World, case: str) -> bytes:
    """A release of two cells for a case with a template of its own."""
    world.register(some_faces(1, seed=int(case[-1])), case=case)
    return world.release(replaced(world.scope(case), cells=(CELL, OTHER)))


def test_an_authority_is_asked_for_some_cells_over_the_wire(world: World) -> None:
    """What comes back holds those cells alone, and a cell beyond the scope is refused by name."""
    key = X25519PrivateKey.generate()
    asked, public = release(world, "case-1"), key.public_key().public_bytes_raw()
    with served_authority(world) as authority:
        sealed = authority.release(asked, Recipient.SEARCH, public, (OTHER,))
        with pytest.raises(ReleaseRefused, match="not in scope"):
            authority.release(asked, Recipient.SEARCH, public, ("cell-3",))
    assert open_released(key, sealed, "authority-a", "case-1", Recipient.SEARCH).shares.cells == (OTHER,)


def test_probes_for_several_cases_come_in_one_answer(world: World) -> None:
    """Each case's own, for the cells that were named; one case's refusal has its name and stops no other."""
    worker = X25519PrivateKey.generate()
    asked = [ProbesAsked(release(world, f"case-{n}"), worker.public_key(), (CELL,)) for n in (1, 2, 3)]
    world.probes.erase("case-2")
    service = ProbeService(world.probes_key, SealedTemplates(world.folder / "templates"), world.authorities)
    with serving(probes_app.create_app(probe_settings(world), service)) as url, httpx.Client(base_url=url) as http:
        first, second, third = ProbeClient(http).probes_for(asked)
    assert isinstance(second, NoTemplate)
    for case, sealed in (("case-1", first), ("case-3", third)):
        assert isinstance(sealed, bytes)
        (columns,) = open_probes(case, sealed, worker).columns
        assert columns.cells == (CELL,)


@pytest.mark.parametrize("raw", [b"", b"\x01", b"\x81\x01", b"\x81\x82aaab"])
def test_an_answer_of_another_form_is_a_named_refusal(raw: bytes) -> None:
    """A service of another version is not taken at its word."""
    with pytest.raises(ServiceDown, match="another form"):
        answers_from_bytes(raw, {})
