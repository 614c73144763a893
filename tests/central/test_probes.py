"""The probe service: templates sealed to a case, probes only with every authority's release, erasure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.probes.probe_sets import open_probe_sets
from central.probes.templates import Kept, NoTemplate, open_template, template_info
from shared.codes import encode, quantise
from shared.epochs import Epoch, Modality, code_key
from shared.errors import BadEmbedding, CannotOpen, ReleaseRefused
from shared.face_mask import FaceMask
from shared.keys import seal_to
from shared.wire import pack
from tests.central.authority_fixtures import CASE, CELL, FACE_MODEL, NOW, World, some_faces


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_probes_are_the_codes_that_a_node_would_make(world: World) -> None:
    """For each released epoch the probe code equals the code a node makes of the same face under its grants."""
    face = some_faces(1)
    world.register(face, (FaceMask.ABSENT,))
    worker = X25519PrivateKey.generate()
    sets = open_probe_sets(CASE, world.probes.probes(world.release(), worker.public_key()), worker)
    epoch = Epoch.at(CELL, NOW)
    (now,) = [one for one in sets if one.epoch == epoch]
    key = code_key(world.node_shares(epoch)[0], Modality.FACE, FACE_MODEL, epoch)
    assert (now.codes == encode(face, key, 1024)).all()
    assert len({one.codes.tobytes() for one in sets}) == len(sets) == 10


def test_an_erased_template_makes_no_probes(world: World) -> None:
    """After erasure the service has no template, on disk neither, and erasing again does nothing."""
    world.register(some_faces(1), (FaceMask.ABSENT,))
    assert world.probes.erase(CASE)
    assert not world.probes.erase(CASE)
    assert list((world.folder / "templates").iterdir()) == []
    with pytest.raises(NoTemplate):
        world.probes.probes(world.release(), X25519PrivateKey.generate().public_key())


def test_one_withdrawing_authority_is_enough_to_stop_probes(world: World) -> None:
    """When one authority refuses, no probe is made."""
    world.register(some_faces(1), (FaceMask.ABSENT,))
    world.authorities[1].withdraw(CASE)
    with pytest.raises(ReleaseRefused, match="withdrawn"):
        world.probes.probes(world.release(), X25519PrivateKey.generate().public_key())


def test_without_the_face_scope_no_probe_is_made(world: World) -> None:
    """A case that asks for clothes alone gets no face probes."""
    world.register(some_faces(1), (FaceMask.ABSENT,))
    release = world.release(world.scope(consents=("appearance",)))
    with pytest.raises(ReleaseRefused, match="scope face"):
        world.probes.probes(release, X25519PrivateKey.generate().public_key())


def test_a_template_opens_for_its_case_only(world: World) -> None:
    """A template sealed for one case is refused for another, and so is nonsense."""
    public = world.probes_key.public_key()
    good = pack({"faces": [bytes(np.ones(192, np.int8))], "model": FACE_MODEL, "photos": 1})
    sealed = seal_to(public, template_info(CASE), good)
    assert open_template(world.probes_key, CASE, sealed).masks == (FaceMask.UNKNOWN,)
    with pytest.raises(CannotOpen):
        world.probes.register("case-2", sealed)
    form = {"model": FACE_MODEL, "photos": 1}
    for bad in ({"faces": [], **form}, {"faces": [b"1", b"22"], **form}, ["x"], {}):
        with pytest.raises(BadEmbedding):
            world.probes.register(CASE, seal_to(public, template_info(CASE), pack(bad)))


def test_the_disk_of_the_service_holds_no_template_in_the_clear(world: World) -> None:
    """The stored file contains nothing of the quantised embedding."""
    world.register(some_faces(1), (FaceMask.ABSENT,))
    (stored,) = (world.folder / "templates").iterdir()
    plain = open_template(world.probes_key, CASE, stored.read_bytes()).faces.tobytes()
    assert plain[:16] not in stored.read_bytes()


def test_the_centre_learns_only_what_it_weighs_distances_by(world: World) -> None:
    """The template's model, and whether it holds a masked face too; nothing of the faces."""
    public, face = world.probes_key.public_key(), quantise(some_faces(1))[0].tobytes()

    def keep(*masks: FaceMask) -> Kept:
        faces, states = [face] * len(masks), [int(mask) for mask in masks]
        template = {"faces": faces, "masks": states, "model": FACE_MODEL, "photos": 1}
        return world.probes.register(CASE, seal_to(public, template_info(CASE), pack(template)))

    assert keep(FaceMask.ABSENT) == Kept(FACE_MODEL, masked=False)
    assert keep(FaceMask.ABSENT, FaceMask.WORN) == Kept(FACE_MODEL, masked=True)
