"""A box joins with keys that were born on it, once, in its own name."""

from __future__ import annotations

import dataclasses
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.authority import CertificateAuthority, belongs_together, new_request, read_certificate
from provisioning.enrol import (
    CLAIM_LIFE,
    Claim,
    ClaimRefused,
    accept_claim,
    add_node,
    claim_from_json,
    claim_to_json,
    keep_certificate,
    make_claim,
    revoke_node,
)
from provisioning.fleet import fleet_of
from provisioning.inventory import CameraRow, import_inventory
from provisioning.registry import open_registry
from shared.errors import BadIdentifier, BadInput, Refused

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Workshop:
    """An authority and a registry; each call is a transaction of its own, as it is with the commands."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.nodes = CertificateAuthority(home / "ca")
        self.nodes.create("Cairn nodes")

    def add(self, node: str, cell: str = "cell-1", at: datetime = NOW) -> str:
        with open_registry(self.home / "registry.db") as registry:
            return add_node(registry, node, cell, at)

    def accept(self, claim: Claim, at: datetime = NOW) -> bytes:
        with open_registry(self.home / "registry.db") as registry:
            return accept_claim(registry, self.nodes, claim, at)

    def revoke(self, node: str) -> None:
        with open_registry(self.home / "registry.db") as registry:
            revoke_node(registry, self.nodes, node, NOW)


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    yield Workshop(tmp_path / "workshop")


def test_a_box_comes_with_its_own_keys_and_leaves_with_a_certificate(workshop: Workshop, tmp_path: Path) -> None:
    """The private keys never leave the box's folder; the fleet has the public ones."""
    keys = tmp_path / "keys"
    claim = make_claim(keys, "box-1", workshop.add("box-1"))
    certificate = workshop.accept(claim)
    keep_certificate(keys, "box-1", certificate, b"trust")
    assert read_certificate(certificate).name == "box-1"
    assert belongs_together(certificate, (keys / "tls.key").read_bytes())
    for name in ("tls.key", "signing.key", "sealing.key"):
        assert stat.S_IMODE((keys / name).stat().st_mode) == 0o600
        assert (keys / name).read_bytes() not in claim_to_json(claim).encode()
    with open_registry(workshop.home / "registry.db") as registry:
        (node,) = fleet_of(registry).nodes
    assert (node.node, node.signing_public, node.revoked) == ("box-1", claim.signing_public, False)


def test_a_claim_is_good_once(workshop: Workshop, tmp_path: Path) -> None:
    """The same claim again is refused, and so is another box's keys with its token."""
    claim = make_claim(tmp_path / "a", "box-1", workshop.add("box-1"))
    workshop.accept(claim)
    thief = make_claim(tmp_path / "b", "box-1", claim.token)
    for again in (claim, thief):
        with pytest.raises(ClaimRefused, match="not valid"):
            workshop.accept(again)


def test_wrong_expired_and_foreign_claims_are_refused_alike(workshop: Workshop, tmp_path: Path) -> None:
    """Whoever presents a bad claim does not learn what is wrong with it; the right one still works."""
    token, other = workshop.add("box-1"), workshop.add("box-2")
    claim = make_claim(tmp_path / "a", "box-1", token)
    bad = [
        dataclasses.replace(claim, token="guess"),
        dataclasses.replace(claim, token=""),
        dataclasses.replace(claim, token=other),
        dataclasses.replace(claim, node="box-2"),
        dataclasses.replace(claim, node="box-3"),
    ]
    messages = set()
    for wrong in bad:
        with pytest.raises(ClaimRefused) as caught:
            workshop.accept(wrong)
        messages.add(str(caught.value))
    with pytest.raises(ClaimRefused) as caught:
        workshop.accept(claim, NOW + CLAIM_LIFE)
    assert messages == {str(caught.value)}
    assert token not in str(caught.value)
    assert workshop.accept(claim, NOW + CLAIM_LIFE - timedelta(seconds=1))


def test_a_request_in_another_boxs_name_gives_a_certificate_in_ones_own(workshop: Workshop, tmp_path: Path) -> None:
    """box-1's claim with a request that says box-2 makes box-1, whatever the request says."""
    claim = make_claim(tmp_path / "a", "box-1", workshop.add("box-1"))
    forged = dataclasses.replace(claim, csr=new_request("box-2")[1])
    assert read_certificate(workshop.accept(forged)).name == "box-1"


@pytest.mark.parametrize("field", ["csr", "signing_public", "sealing_public"])
def test_garbage_in_a_claim_is_refused_and_the_claim_stays_good(workshop: Workshop, tmp_path: Path, field: str) -> None:
    """A damaged file does not use up the token."""
    claim = make_claim(tmp_path / "a", "box-1", workshop.add("box-1"))
    with pytest.raises(BadInput):
        workshop.accept(dataclasses.replace(claim, **{field: b"garbage"}))  # type: ignore[arg-type]
    assert workshop.accept(claim)


@given(st.text())
def test_a_file_that_is_no_claim_is_named(text: str) -> None:
    """Any text is a claim or BadInput."""
    with pytest.raises(BadInput):
        claim_from_json(text)


def test_a_token_can_be_typed_on_a_command_line(workshop: Workshop) -> None:
    """It holds letters and digits only, so that no shell and no option parser takes it for something else."""
    assert all(workshop.add(f"box-{n}").isalnum() for n in range(1, 4))


def test_a_claim_survives_its_file_and_hides_its_token_when_printed(workshop: Workshop, tmp_path: Path) -> None:
    """The file carries everything; a log line does not carry the token."""
    claim = make_claim(tmp_path / "a", "box-1", workshop.add("box-1"))
    assert claim_from_json(claim_to_json(claim)) == claim
    assert claim.token not in repr(claim)


def test_preparing_again_before_the_answer_keeps_the_keys(workshop: Workshop, tmp_path: Path) -> None:
    """A new token, or a stop half-way, does not force the technician to begin with an empty folder."""
    keys = tmp_path / "keys"
    first = make_claim(keys, "box-1", "old token")
    (keys / "signing.key").unlink()
    second = make_claim(keys, "box-1", workshop.add("box-1"))
    assert second.sealing_public == first.sealing_public
    certificate = workshop.accept(second)
    keep_certificate(keys, "box-1", certificate, b"trust")
    with pytest.raises(Refused, match="keys of a node already"):
        make_claim(keys, "box-1", "another token")


def test_an_answer_for_another_box_is_not_kept(workshop: Workshop, tmp_path: Path) -> None:
    """A mixed-up file is noticed on the box, before the broker would refuse it without a reason."""
    one = make_claim(tmp_path / "1", "box-1", workshop.add("box-1"))
    two = make_claim(tmp_path / "2", "box-2", workshop.add("box-2"))
    certificate, _ = workshop.accept(one), workshop.accept(two)
    for folder, node in ((tmp_path / "2", "box-2"), (tmp_path / "2", "box-1"), (tmp_path / "3", "box-1")):
        with pytest.raises(BadInput):
            keep_certificate(folder, node, certificate, b"trust")
    assert not (tmp_path / "2" / "tls.crt").exists()


def test_an_enrolled_box_is_not_added_again_until_it_is_revoked(workshop: Workshop, tmp_path: Path) -> None:
    """Replacing a box takes an explicit revocation; then the new one has a new certificate and counts as in use."""
    workshop.accept(make_claim(tmp_path / "a", "box-1", workshop.add("box-1")))
    with pytest.raises(Refused, match="is enrolled"):
        workshop.add("box-1")
    workshop.revoke("box-1")
    with open_registry(workshop.home / "registry.db") as registry:
        assert fleet_of(registry).nodes[0].revoked
    replaced = make_claim(tmp_path / "b", "box-1", workshop.add("box-1"))
    workshop.accept(replaced)
    with open_registry(workshop.home / "registry.db") as registry:
        (node,) = fleet_of(registry).nodes
    assert (node.revoked, node.sealing_public) == (False, replaced.sealing_public)


def test_revoking_ends_an_open_claim_too(workshop: Workshop, tmp_path: Path) -> None:
    """A token that was lost on the way is worth nothing after revocation; revoking again is harmless."""
    claim = make_claim(tmp_path / "a", "box-1", workshop.add("box-1"))
    workshop.revoke("box-1")
    workshop.revoke("box-1")
    with pytest.raises(ClaimRefused):
        workshop.accept(claim)
    with pytest.raises(BadInput, match="no node box-9"):
        workshop.revoke("box-9")


def test_names_and_cells_are_checked(workshop: Workshop) -> None:
    """A service's name, a bad name, and a cell that no camera hangs in are refused."""
    with pytest.raises(BadInput, match="service"):
        workshop.add("svc-centre")
    with pytest.raises(BadIdentifier):
        workshop.add("Box 1")
    with open_registry(workshop.home / "registry.db") as registry:
        import_inventory(registry, [CameraRow("cam-1", 37.5, 127.0, False, "cell-1")])
    assert workshop.add("box-1", "cell-1")
    with pytest.raises(BadInput, match="no camera hangs in cell-l"):
        workshop.add("box-2", "cell-l")


def test_a_refused_command_leaves_no_trace_in_the_registry(workshop: Workshop, tmp_path: Path) -> None:
    """What fails half-way is rolled back whole."""
    token = workshop.add("box-1")
    with pytest.raises(ZeroDivisionError), open_registry(workshop.home / "registry.db") as registry:
        add_node(registry, "box-1", "cell-2", NOW)
        raise ZeroDivisionError
    assert workshop.accept(make_claim(tmp_path / "a", "box-1", token))
