"""The probe service: only the template that was approved, only what was consented to, only with every authority."""

from __future__ import annotations

import dataclasses
import logging
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.authority.released import CombinedShares, Recipient, ShareGrid, combined, open_released
from central.probes.making import Wanted, make
from central.probes.probe_sets import ProbeColumns, Probes, open_probes, seal_probes
from central.probes.service import NothingToSearchFor, OtherTemplate, ProbesAsked
from central.probes.templates import Kept, NoTemplate, SealedTemplates
from shared.codes import BITS, encode, encode_quantised, quantise
from shared.epochs import Epoch, Modality, code_key
from shared.errors import BadEmbedding, BadRelease, CannotOpen, ReleaseRefused
from shared.face_mask import FaceMask
from shared.keys import seal_to
from shared.releases import release_to_bytes, sign
from shared.templates import FACE_ROWS, OldTemplate, open_template, seal_template, template_info
from shared.wire import pack
from tests.central.authority_fixtures import (
    APPEARANCE_MODEL,
    CASE,
    CELL,
    FACE_MODEL,
    NOW,
    World,
    some_faces,
    some_template,
)

EPOCH = Epoch.at(CELL, NOW)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def some_clothes(seed: int = 9) -> np.ndarray:
    """A unit vector float32[1, 1280]."""
    x = np.random.default_rng(seed).standard_normal((1, 1280)).astype(np.float32)
    return np.asarray(x / np.linalg.norm(x), np.float32)


def asked(world: World, *consents: str) -> Probes:
    """The probes of a release whose scope names these consents; the patient consented to both."""
    worker = X25519PrivateKey.generate()
    release = release_to_bytes(world.signed(world.scope(consents=consents)))
    return open_probes(CASE, world.probes.probes(release, worker.public_key()), worker)


def test_probes_are_the_codes_that_a_node_would_make(world: World) -> None:
    """For each released epoch the probe code equals the code a node makes of the same face under its grants."""
    face = some_faces(1)
    world.register(face)
    (columns,) = asked(world, "face").columns
    assert (columns.modality, columns.model, columns.masks) == (Modality.FACE, FACE_MODEL, FACE_ROWS)
    now = columns.of(EPOCH, 0)
    assert now is not None
    key = code_key(world.node_shares(EPOCH)[0], Modality.FACE, FACE_MODEL, EPOCH)
    assert (now.codes == encode(np.concatenate([face, face]), key, 1024)).all()
    assert len({one.codes.tobytes() for one in columns.sets()}) == len(columns) == 10


def test_a_patient_who_refuses_the_face_is_searched_by_the_full_length_picture(world: World) -> None:
    """With a template of clothes alone and the scope appearance, there are codes of clothes and none of a face."""
    clothes = some_clothes()
    world.register(None, clothes)
    (columns,) = asked(world, "appearance").columns
    assert (columns.modality, columns.model) == (Modality.APPEARANCE, APPEARANCE_MODEL)
    now = columns.of(EPOCH, 0)
    assert now is not None
    key = code_key(world.node_shares(EPOCH)[0], Modality.APPEARANCE, APPEARANCE_MODEL, EPOCH)
    assert (now.codes == encode(clothes, key, 512)).all()


def test_who_gives_only_the_face_is_never_searched_by_clothes(world: World) -> None:
    """The full-length picture lies in the template, and no code of it is made without its scope."""
    world.register(some_faces(1), some_clothes())
    assert [one.modality for one in asked(world, "face").columns] == [Modality.FACE]
    assert {one.modality for one in asked_both(world).columns} == {Modality.FACE, Modality.APPEARANCE}


def asked_both(world: World) -> Probes:
    """A second case of the same patient, with both scopes."""
    world.register(some_faces(1), some_clothes(), case="case-2")
    worker = X25519PrivateKey.generate()
    release = world.signed(world.scope("case-2", consents=("face", "appearance")))
    sealed = world.probes.probes(release_to_bytes(release), worker.public_key())
    return open_probes("case-2", sealed, worker)


@pytest.mark.parametrize(
    ("held", "scopes"), [("face", ("appearance",)), ("clothes", ("face",))], ids=["only a face", "only clothes"]
)
def test_a_template_without_what_was_consented_to_is_refused_by_name(
    world: World, held: str, scopes: tuple[str, ...]
) -> None:
    """Nothing is made of the other part instead; the refusal says what is there."""
    world.register(some_faces(1) if held == "face" else None, some_clothes() if held == "clothes" else None)
    with pytest.raises(NothingToSearchFor, match="consented to a search by") as refusal:
        asked(world, *scopes)
    assert refusal.value.hint


def test_another_template_than_the_approved_one_makes_no_probes(world: World) -> None:
    """A template that was put in place after the approval is refused before any authority is asked."""
    world.register(some_faces(1))
    release = world.release()
    world.probes.register(CASE, seal_template(some_template(some_faces(2)[1:]), CASE, world.probes_key.public_key()))
    before = [len(authority.book.entries()) for authority in world.authorities]
    with pytest.raises(OtherTemplate, match="another template was approved"):
        world.probes.probes(release, X25519PrivateKey.generate().public_key())
    assert [len(authority.book.entries()) for authority in world.authorities] == before


def test_the_number_of_photos_is_the_approved_one(world: World) -> None:
    """An approval that names another number than the template holds is refused, though the digest fits."""
    world.register(some_faces(1))
    release = world.signed(world.scope())
    approval = dataclasses.replace(release.approval, photos=2)
    signature = sign(approval, "approver", world.people["lee"])
    changed = dataclasses.replace(release, approval=approval, approver_signature=signature)
    with pytest.raises(OtherTemplate, match="number of photos"):
        world.probes.probes(release_to_bytes(changed), X25519PrivateKey.generate().public_key())


def test_an_erased_template_makes_no_probes(world: World) -> None:
    """After erasure the service has no template, on disk neither, and erasing again does nothing."""
    world.register(some_faces(1))
    assert world.probes.erase(CASE)
    assert not world.probes.erase(CASE)
    assert list((world.folder / "templates").iterdir()) == []
    with pytest.raises(NoTemplate):
        world.probes.probes(world.release(), X25519PrivateKey.generate().public_key())


def test_one_withdrawing_authority_is_enough_to_stop_probes(world: World) -> None:
    """When one authority refuses, no probe is made."""
    world.register(some_faces(1))
    world.authorities[1].withdraw(CASE)
    with pytest.raises(ReleaseRefused, match="withdrawn"):
        world.probes.probes(world.release(), X25519PrivateKey.generate().public_key())


def test_a_template_opens_for_its_case_only(world: World) -> None:
    """A template sealed for one case is refused for another, and so is nonsense."""
    public = world.probes_key.public_key()
    sealed = seal_template(some_template(some_faces(1)), CASE, public)
    assert open_template(sealed, CASE, world.probes_key).photos == 1
    with pytest.raises(CannotOpen):
        world.probes.register("case-2", sealed)
    with pytest.raises(BadEmbedding):
        world.probes.register(CASE, seal_to(public, template_info(CASE), pack(["x"])))


def test_the_old_form_with_a_row_for_each_photo_is_refused_by_name(world: World) -> None:
    """It would let five photos be searched as five probes; the hint says how to make the new one."""
    row = quantise(some_faces(1))[0].tobytes()
    old = pack({"faces": [row] * 5, "masks": [2] * 5, "model": FACE_MODEL, "photos": 5})
    with pytest.raises(OldTemplate, match="old form") as refusal:
        world.probes.register(CASE, seal_to(world.probes_key.public_key(), template_info(CASE), old))
    assert "cairn-edge" in refusal.value.hint


def test_the_disk_of_the_service_holds_no_template_in_the_clear(world: World) -> None:
    """The stored file contains nothing of the quantised embedding, and only its owner may read it."""
    world.register(some_faces(1))
    (stored,) = (world.folder / "templates").iterdir()
    face = open_template(stored.read_bytes(), CASE, world.probes_key).face
    assert face is not None
    assert face.bare.tobytes()[:16] not in stored.read_bytes()
    assert stored.stat().st_mode & 0o077 == 0


def test_a_write_that_a_power_cut_ended_is_gone_at_the_next_start(tmp_path: Path) -> None:
    """What was half written is wiped, and the whole one from before is there."""
    kept = SealedTemplates(tmp_path / "kept")
    kept.put(CASE, b"whole")
    (tmp_path / "kept" / f"{CASE}.new").write_bytes(b"ha")
    again = SealedTemplates(tmp_path / "kept")
    assert again.get(CASE) == b"whole"
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [f"{CASE}.sealed"]


def test_neither_errors_nor_messages_hold_a_template(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A malformed template is refused without a byte of it, in the words, the causes and the log."""
    secret = bytes(range(1, 120))
    bad = pack({"photos": 1, "face": [FACE_MODEL, secret, b""], "appearance": None})
    with caplog.at_level(logging.DEBUG), pytest.raises(BadEmbedding) as refusal:
        world.probes.register(CASE, seal_to(world.probes_key.public_key(), template_info(CASE), bad))
    assert refusal.value.__cause__ is None
    for shown in (repr(refusal.value), str(refusal.value), caplog.text, repr(some_template(some_faces(1)))):
        assert "array" not in shown
        assert str(secret)[:20] not in shown


def test_the_centre_learns_only_what_it_weighs_distances_by(world: World) -> None:
    """The template's models, and whether it holds a masked face too; nothing of the faces."""
    told = world.register(some_faces(1))
    assert told == Kept(sha256(world.template).digest(), 1, FACE_MODEL, masked=False, appearance="")
    told = world.register(some_faces(1), some_clothes())
    assert told == Kept(sha256(world.template).digest(), 1, FACE_MODEL, masked=False, appearance=APPEARANCE_MODEL)
    told = world.register(None, some_clothes())
    assert told == Kept(sha256(world.template).digest(), 0, "", masked=False, appearance=APPEARANCE_MODEL)


def grid(seed: int, cells: list[str], hours: range) -> ShareGrid:
    """Shares that depend on the epoch alone, as one authority's do."""
    rows = [[np.random.default_rng([seed, int(cell[5:]), hour]).bytes(32) for hour in hours] for cell in cells]
    array = np.frombuffer(b"".join(b"".join(row) for row in rows), np.uint8).reshape(len(cells), len(hours), 32)
    return ShareGrid(tuple(cells), tuple(hours), array)


def test_cases_that_are_asked_together_get_what_each_would_get_alone() -> None:
    """Overlapping windows and cells, two models and two modalities: bit for bit the codes of one at a time."""
    rng = np.random.default_rng(3)

    def want(modality: Modality, model: str, d: int, cells: list[str], hours: range) -> Wanted:
        rows = quantise(rng.standard_normal((2, d)).astype(np.float32))
        shares = CombinedShares([grid(1, cells, hours), grid(2, cells, hours)])
        return Wanted(modality, model, rows, FACE_ROWS, shares)

    asked_for = [
        want(Modality.FACE, "m-1", 192, ["cell-1", "cell-2", "cell-3"], range(100, 112)),
        want(Modality.FACE, "m-1", 192, ["cell-2", "cell-3", "cell-4"], range(106, 130)),
        want(Modality.FACE, "m-2", 192, ["cell-2"], range(100, 104)),
        want(Modality.APPEARANCE, "m-1", 640, ["cell-1"], range(100, 103)),
    ]
    for one, columns in zip(asked_for, make(asked_for), strict=True):
        assert list(columns.epochs()) == list(one.shares)
        for made in columns.sets():
            key = code_key(one.shares[made.epoch], one.modality, one.model, made.epoch)
            assert (made.codes == encode_quantised(one.rows, [key], BITS[one.modality])[0]).all()


def test_an_authority_that_gives_two_shares_of_one_epoch_is_found_out() -> None:
    """Cases asked together share keys, so shares that differ are refused and not mixed."""
    rows, hours = np.full((1, 8), 127, np.int8), range(5)
    wanted = [
        Wanted(Modality.FACE, "m", rows, (FaceMask.ABSENT,), CombinedShares([grid(seed, ["cell-1"], hours)]))
        for seed in (1, 2)
    ]
    with pytest.raises(BadRelease, match="different shares"):
        make(wanted)


def test_ten_cases_at_once_are_sealed_each_to_its_own_worker(world: World) -> None:
    """Every worker opens its own probes, with its own case's name, and no other's."""
    asked_for, workers = [], []
    for number in range(1, 4):
        case = f"case-{number}"
        world.register(some_faces(1, seed=number), case=case)
        workers.append(X25519PrivateKey.generate())
        asked_for.append(ProbesAsked(world.release(world.scope(case)), workers[-1].public_key()))
    sealed = [one for one in world.probes.probes_for(asked_for) if isinstance(one, bytes)]
    for number, worker in enumerate(workers, 1):
        (columns,) = open_probes(f"case-{number}", sealed[number - 1], worker).columns
        assert len(columns) == 10
        with pytest.raises(CannotOpen):
            open_probes(f"case-{number}", sealed[number % 3], worker)
    assert len({sealed_one[-64:] for sealed_one in sealed}) == 3


def test_probes_that_were_tampered_with_are_refused() -> None:
    """Columns whose epochs do not ascend, point beyond the cells, or name no such fidelity do not open."""
    worker = X25519PrivateKey.generate()
    good = ProbeColumns(
        Modality.FACE, "m", (FaceMask.ABSENT,), ("cell-1",), np.array([5, 6]), np.zeros((2, 1, 128), np.uint8)
    )
    opened = open_probes(CASE, seal_probes(CASE, Probes([good], b"t"), worker.public_key()), worker)
    assert (list(opened.columns[0].epochs()), opened.ticket) == ([Epoch("cell-1", 5), Epoch("cell-1", 6)], b"t")
    assert opened.of(Epoch("cell-2", 5)) == opened.of(Epoch("cell-1", 7)) == []
    for changes in ({"at": np.array([6, 5])}, {"at": np.array([5, 1 << 32])}, {"fidelity": 0.0}, {"fidelity": 1.5}):
        bad = dataclasses.replace(good, **changes)
        with pytest.raises(BadRelease):
            open_probes(CASE, seal_probes(CASE, Probes([bad]), worker.public_key()), worker)


def test_a_release_of_a_fortnight_is_counted_and_made_without_an_object_an_epoch(world: World) -> None:
    """What the authorities give and what comes out are arrays over the same cells and hours."""
    world.register(some_faces(1))
    scope = dataclasses.replace(world.scope(), start=NOW - timedelta(hours=5))
    reader = world.probes_key
    raw = world.release(scope)
    sealed = {a.name: a.release(raw, Recipient.PROBES, world.probes.public) for a in world.authorities}
    released = {name: open_released(reader, one, name, CASE, Recipient.PROBES) for name, one in sealed.items()}
    shares = combined(released)
    worker = X25519PrivateKey.generate()
    (columns,) = open_probes(CASE, world.probes.probes(raw, worker.public_key()), worker).columns
    assert list(columns.epochs()) == list(shares)
    assert columns.codes.shape == (len(shares), 2, 128)
