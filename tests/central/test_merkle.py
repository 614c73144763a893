"""RFC 9162 trees: against the RFC's own recursive definition, published vectors, and anything that is no proof."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_holds,
    consistency_ranges,
    inclusion_holds,
    inclusion_ranges,
    leaf_hash,
    leaves_in,
    node_count,
    position,
    proof,
)

LARGEST = 33
# The inputs and roots of the Certificate Transparency reference implementation, over the first 0 to 8 leaves.
VECTOR_LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
VECTOR_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash, word for word from section 2.1.1."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = half(len(leaves))
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]), word for word from section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = half(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b), word for word from section 2.1.4.1."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = half(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def half(n: int) -> int:
    return max(1 << i for i in range(n.bit_length()) if 1 << i < n)


def leaves(size: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(size)]


def grown(data: list[bytes]) -> tuple[bytes, list[bytes]]:
    """Our root, and the hashes of all complete subtrees by position."""
    frontier, kept = Frontier(), list[bytes]()
    for leaf in data:
        kept += frontier.add(leaf_hash(leaf))
    return frontier.root(), kept


def test_the_published_roots_come_out() -> None:
    """The reference implementation's eight leaves give its nine roots."""
    assert [grown(VECTOR_LEAVES[:size])[0].hex() for size in range(9)] == VECTOR_ROOTS


@pytest.mark.parametrize("size", range(LARGEST + 1))
def test_roots_and_proofs_of_every_size_are_the_rfcs_own(size: int) -> None:
    """Root, every inclusion proof and every consistency proof equal an independent recursive computation, and hold."""
    data = leaves(size)
    root, kept = grown(data)
    assert root == mth(data)
    assert len(kept) == node_count(size)
    for index in range(size):
        found = proof(inclusion_ranges(index, size), kept.__getitem__)
        assert found == path(index, data)
        assert inclusion_holds(leaf_hash(data[index]), index, size, found, root)
    for old in range(1, size + 1):
        found = proof(consistency_ranges(old, size), kept.__getitem__)
        assert found == subproof(old, data, True)
        assert consistency_holds(old, size, found, mth(data[:old]), root)


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_no_proof_holds_for_another_place_size_or_root(size: int) -> None:
    """An inclusion proof is worth nothing for another index, another size, another leaf, longer or shorter."""
    data = leaves(size)
    root, kept = grown(data)
    for index in range(size):
        found, leaf = proof(inclusion_ranges(index, size), kept.__getitem__), leaf_hash(data[index])
        others = {*range(-1, size + 2)} - {index}
        assert not any(inclusion_holds(leaf, other, size, found, root) for other in others)
        assert not inclusion_holds(leaf_hash(b"forged"), index, size, found, root)
        assert not inclusion_holds(leaf, index, size, [*found, root], root)
        assert not found or not inclusion_holds(leaf, index, size, found[:-1], root)
        assert not inclusion_holds(leaf, index, size, found, leaf_hash(b"another root"))


@given(st.integers(1, 70), st.integers(0, 69), st.integers(0, 69))
def test_a_fork_has_no_consistency_proof(size: int, old: int, edited: int) -> None:
    """When any leaf of the old tree was another one, no proof that the new tree can give holds for the old root."""
    old, edited = min(old, size), min(edited, size - 1)
    data = leaves(size)
    other = [*data[:edited], b"rewritten", *data[edited + 1 :]]
    root, kept = grown(other)
    found = proof(consistency_ranges(old, size), kept.__getitem__)
    assert consistency_holds(old, size, found, mth(data[:old]), root) == (edited >= old)
    assert not consistency_holds(old, size, [*found, root], mth(data[:old]), root)
    assert not consistency_holds(size + 1, size, found, mth(data[:old]), root)


@given(st.integers(0, 5000))
def test_positions_follow_each_other_without_a_gap(size: int) -> None:
    """Adding a leaf appends its node and those that it completes, and nothing else."""
    made = Frontier(size, [b""] * size.bit_count()).add(b"")
    assert leaves_in(node_count(size)) == size
    assert node_count(size + 1) - node_count(size) == len(made)
    assert [position(level, size >> level) for level in range(len(made))] == list(
        range(node_count(size), node_count(size + 1))
    )
    assert all(leaves_in(nodes) == size for nodes in range(node_count(size), node_count(size + 1)))


def test_an_empty_tree_has_the_root_of_nothing() -> None:
    """Size 0 has the hash of the empty string, and everything continues it."""
    assert Frontier().root() == EMPTY_ROOT
    assert consistency_holds(0, 5, [], EMPTY_ROOT, mth(leaves(5)))
    assert not consistency_holds(0, 5, [b"x"], EMPTY_ROOT, mth(leaves(5)))


def test_a_range_outside_the_tree_is_refused() -> None:
    """Nobody gets a proof of what is not there."""
    with pytest.raises(ValueError, match="no such leaf"):
        inclusion_ranges(5, 5)
    with pytest.raises(ValueError, match="shrink"):
        consistency_ranges(6, 5)
    with pytest.raises(ValueError, match="peaks"):
        Frontier(3, [b""])
