"""Merkle trees as RFC 9162 section 2.1 defines them: hashing, growth, inclusion and consistency proofs. Pure.

A node of the tree is kept by its position: the order in which complete subtrees come into being as leaves are added.
Leaf n (from 0) comes at position 2n - popcount(n), and the subtrees that it completes follow it, smallest first. So a
growing tree only ever appends to the list of its nodes.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()

Range = tuple[int, int]


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def node_count(size: int) -> int:
    """How many complete subtrees, leaves among them, `size` leaves make; the position of the next leaf."""
    return 2 * size - size.bit_count()


def leaves_in(nodes: int) -> int:
    """The most leaves whose complete subtrees fit into that many nodes: node_count backwards."""
    size = (nodes + 1) // 2
    while node_count(size + 1) <= nodes:
        size += 1
    return size


def position(level: int, index: int) -> int:
    """Where the complete subtree over leaves index·2^level … (index+1)·2^level - 1 is kept."""
    last = ((index + 1) << level) - 1
    return node_count(last) + level


def subtrees(begin: int, end: int) -> list[int]:
    """Positions of the complete subtrees, largest first, that leaves begin … end - 1 consist of.

    `begin` must be a multiple of a power of two that is at least end - begin, as in every range of this module.
    """
    found = []
    for level in range((end - begin).bit_length() - 1, -1, -1):
        if (end - begin) >> level & 1:
            found.append(position(level, begin >> level))
            begin += 1 << level
    return found


def joined(hashes: Sequence[bytes]) -> bytes:
    """The root over complete subtrees, largest first; of none, the root of the empty tree."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


class Frontier:
    """A tree while it grows: only the roots of its complete subtrees, largest first."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size, self._peaks = size, list(peaks)
        if len(self._peaks) != size.bit_count():
            raise ValueError("as many peaks as there are ones in the size")

    def add(self, leaf: bytes) -> list[bytes]:
        """Take one more leaf's hash; returns the hashes that come into being, in the order of their positions."""
        made = [leaf]
        for _ in range((~self.size & (self.size + 1)).bit_length() - 1):
            made.append(node_hash(self._peaks.pop(), made[-1]))
        self._peaks.append(made[-1])
        self.size += 1
        return made

    def root(self) -> bytes:
        return joined(self._peaks)


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The leaves whose roots prove leaf `index`, in the proof's order (PATH, section 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of this size")
    begin, end, path = 0, size, []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin = middle
    return path[::-1]


def consistency_ranges(old: int, size: int) -> list[Range]:
    """The leaves whose roots prove that `size` leaves continue `old` leaves (PROOF, section 2.1.4.1)."""
    if not 0 <= old <= size:
        raise ValueError("a tree does not shrink")
    begin, end, whole, path = 0, size, True, []
    while 0 < old != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin, whole = middle, False
    return path[::-1] if whole else [(begin, end), *path[::-1]]


def proof(ranges: Iterable[Range], hash_at: Callable[[int], bytes]) -> list[bytes]:
    """The roots of the ranges, put together from the hashes that are kept by position."""
    return [joined([hash_at(place) for place in subtrees(*leaves)]) for leaves in ranges]


def inclusion_holds(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that `leaf` (its hash) stands at `index` (section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    first, second, found = index, size - 1, leaf
    for step in path:
        if second == 0:
            return False
        if first & 1 or first == second:
            found = node_hash(step, found)
            while first and not first & 1:
                first, second = first >> 1, second >> 1
        else:
            found = node_hash(found, step)
        first, second = first >> 1, second >> 1
    return second == 0 and hmac.compare_digest(found, root)


def consistency_holds(old: int, size: int, path: Sequence[bytes], old_root: bytes, root: bytes) -> bool:
    """Whether `path` proves that the larger tree continues the smaller one (section 2.1.4.2)."""
    if not 0 <= old <= size:
        return False
    if old == size:
        return not path and hmac.compare_digest(old_root, root)
    if old == 0:
        return not path and hmac.compare_digest(old_root, EMPTY_ROOT)
    steps = list(path) if old & (old - 1) else [old_root, *path]
    if not steps:
        return False
    first, second = old - 1, size - 1
    while first & 1:
        first, second = first >> 1, second >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if second == 0:
            return False
        if first & 1 or first == second:
            before, after = node_hash(step, before), node_hash(step, after)
            while first and not first & 1:
                first, second = first >> 1, second >> 1
        else:
            after = node_hash(after, step)
        first, second = first >> 1, second >> 1
    return second == 0 and hmac.compare_digest(before, old_root) and hmac.compare_digest(after, root)


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)
