"""A sealed batch: clear header, sealed columns, the node's signature.

    "CAIRNB" | header length u32 | header, CBOR | nonce 12 | AES-256-GCM(columns, padded) | Ed25519 of all before

The header and what precedes it are the additional data of the seal.

The centre verifies and stores it without a key; only a search worker, with the seal key of the epoch, opens it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.columns import columns_from_bytes, columns_to_bytes
from shared.epochs import Epoch
from shared.errors import BadBatch, BadSignature, CairnError, CannotOpen, TooLarge, UnknownVersion
from shared.ids import check_id, is_id
from shared.sighting_columns import SightingColumns
from shared.sightings import Encounter, Sighting
from shared.wire import pack, unpack, unpack_proven

SCHEMA_VERSION = 3  # 2 counts the seconds of an encounter by distance; 3 lays encounters out as one block of numbers
KNOWN_VERSIONS = frozenset({1, 2, 3})
MAX_BATCH_BYTES = 256 * 1024
MAX_SIGHTINGS = 256

_MAGIC = b"CAIRNB"
_PREFIX = len(_MAGIC) + 4
_NONCE, _TAG, _SIGNATURE = 12, 16, 64
_MAX_HEADER = 2048
_SMALLEST_CLASS = 1024


Raw = bytes | memoryview  # a batch as it came, or where it lies


@dataclass(frozen=True, slots=True)
class Header:
    """What a batch says in the clear.

    `covers` sequence numbers end at `sequence`: merged batches leave no gap for the centre to wonder about.
    `people` is the number of sightings; `masks` counts them as worn, incorrect, absent, unknown.
    `clock_error_ms` bounds the error of the box's clock; it is -1 where nothing is known of it.
    """

    version: int
    node: str
    boot: int
    sequence: int
    covers: int
    cell: str
    hour: int
    clock_error_ms: int
    models: dict[str, str]
    people: int
    masks: tuple[int, int, int, int]

    @property
    def epoch(self) -> Epoch:
        return Epoch(self.cell, self.hour)


@dataclass(frozen=True, slots=True)
class BatchKeys:
    """What a node needs to make a batch; never printed."""

    seal: bytes = field(repr=False)
    signing: Ed25519PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A parsed header and the bytes that it came in."""

    header: Header
    raw: bytes = field(repr=False)
    body_at: int


def seal_batch(
    header: Header,
    sightings: Sequence[Sighting],
    encounters: Sequence[Encounter],
    keys: BatchKeys,
    nonce_counter: int,
) -> bytes:
    """The bytes to send. `nonce_counter` never repeats under one seal key: a node counts its seals of a boot."""
    if len(sightings) > MAX_SIGHTINGS or header.people != len(sightings) or sum(header.masks) != header.people:
        hint = f"split at {MAX_SIGHTINGS} sightings and count them in the header"
        raise BadBatch("the header's counts do not fit the sightings", hint=hint)
    return seal_columns(header, columns_to_bytes(header.epoch, sightings, encounters), keys, nonce_counter)


def seal_columns(header: Header, columns: bytes, keys: BatchKeys, nonce_counter: int) -> bytes:
    """The same for what columns_to_bytes made."""
    _check_header(header)
    clear = pack(_header_to_map(header))
    before = _MAGIC + len(clear).to_bytes(4, "big") + clear
    nonce = header.boot.to_bytes(4, "big") + nonce_counter.to_bytes(8, "big")
    signed = before + nonce + AESGCM(keys.seal).encrypt(nonce, _pad(columns), before)
    if len(signed) + _SIGNATURE > MAX_BATCH_BYTES:
        raise TooLarge("a batch is over the size limit", hint="split it into smaller batches")
    return signed + keys.signing.sign(signed)


def read_batch(raw: bytes) -> SealedBatch:
    """Parse the clear header; nothing in it is proven until verify_batch."""
    body_at = _body_at(raw)
    return SealedBatch(_header_from_map(unpack(raw[_PREFIX:body_at], BadBatch, "a batch's header")), raw, body_at)


class Stored(NamedTuple):
    """What the reader of a stored batch needs of its header, and the bytes that it came in."""

    node: str
    boot: int
    cell: str
    hour: int
    people: int
    models: Mapping[str, str]
    raw: Raw
    body_at: int


def read_stored(raw: Raw) -> Stored:
    """Parse the header of a batch that went through verify_batch before it was stored, as millions of a search did.

    Its header is proven by the seal as well, so only what the reader leans on is looked at: whoever changed it would
    have to open the seal. Raises BadBatch and what read_batch raises for another version or size.
    """
    body_at = _body_at(raw)
    value = unpack_proven(raw[_PREFIX:body_at], BadBatch, "a batch's header")
    try:
        if value["version"] not in KNOWN_VERSIONS:
            _header_from_map(value)
        node, boot, cell, hour = value["node"], value["boot"], value["cell"], value["hour"]
        people, models = value["people"], value["models"]
        fits = type(boot) is type(hour) is type(people) is int and type(models) is dict
        fits = fits and 0 <= boot < 2**32 and 0 <= hour < 2**32 and 0 <= people < 2**32
    except (TypeError, KeyError):
        fits = False
    if not fits or not is_id(node) or not is_id(cell):
        raise BadBatch("a batch's header is malformed", hint="only Cairn nodes may write here")
    return Stored(node, boot, cell, hour, people, models, raw, body_at)


def _body_at(raw: Raw) -> int:
    """Where the header ends. Raises TooLarge, and BadBatch for what is no batch."""
    if len(raw) > MAX_BATCH_BYTES:
        raise TooLarge(f"a batch of {len(raw)} bytes is over {MAX_BATCH_BYTES}", hint="split it into smaller batches")
    if len(raw) < _PREFIX or raw[: len(_MAGIC)] != _MAGIC:
        raise BadBatch("this is not a batch", hint="only Cairn nodes may write here")
    length = int.from_bytes(raw[len(_MAGIC) : _PREFIX], "big")
    body_at = _PREFIX + length
    if length > _MAX_HEADER or len(raw) < body_at + _NONCE + _TAG + _SIGNATURE:
        raise BadBatch("a batch is cut short", hint="the node sends it again by itself")
    return body_at


def verify_batch(raw: bytes, node_key: Ed25519PublicKey) -> SealedBatch:
    """Parse, and prove that the holder of `node_key` made it. Raises BadSignature and what read_batch raises."""
    batch = read_batch(raw)
    prove_batch(batch, node_key)
    return batch


def prove_batch(batch: SealedBatch, node_key: Ed25519PublicKey) -> None:
    """Raises BadSignature unless the holder of `node_key` made this batch."""
    try:
        node_key.verify(batch.raw[-_SIGNATURE:], batch.raw[:-_SIGNATURE])
    except InvalidSignature:
        hint = "look for a swapped key or a forger; enrol the node again if its key was replaced"
        raise BadSignature(f"a batch in the name of {batch.header.node} is not signed by it", hint=hint) from None


def opener(seal_key: bytes) -> AESGCM:
    """A seal key made ready, for who opens several batches under it."""
    return AESGCM(seal_key)


def open_batch(batch: SealedBatch, key: bytes | AESGCM) -> SightingColumns:
    """The columns of a batch, under a seal key or its `opener`.

    Raises CannotOpen for a wrong key or changed bytes, BadBatch for a malformed content.
    """
    cipher, header = opener(key) if isinstance(key, bytes) else key, batch.header
    plain = _unsealed(batch.raw, batch.body_at, header.node, cipher, lambda size: memoryview(bytearray(size)))
    columns = columns_from_bytes(bytes(plain), header.node, header.boot, header.epoch)
    if len(columns) != header.people:
        raise BadBatch("a batch holds another number of sightings than it says", hint="quarantine this node")
    return columns


def unsealed(batch: Stored, cipher: AESGCM, memory: Callable[[int], memoryview]) -> memoryview:
    """The content and its padding, in memory that the reader gives: new memory costs as much as opening does.

    Raises CannotOpen for a wrong key or changed bytes.
    """
    return _unsealed(batch.raw, batch.body_at, batch.node, cipher, memory)


def _unsealed(raw: Raw, body_at: int, node: str, cipher: AESGCM, memory: Callable[[int], memoryview]) -> memoryview:
    nonce_end = body_at + _NONCE
    into = memory(len(raw) - nonce_end - _TAG - _SIGNATURE)
    try:
        cipher.decrypt_into(raw[body_at:nonce_end], memoryview(raw)[nonce_end:-_SIGNATURE], raw[:body_at], into)
    except (InvalidTag, ValueError):
        hint = "the key was not released, was destroyed, or the batch was changed"
        raise CannotOpen(f"a batch of {node} does not open", hint=hint) from None
    return into


def _pad(plain: bytes) -> bytes:
    """Pad to a size class (powers of two and their midpoints), so that the length says little about the content."""
    size = _SMALLEST_CLASS
    while size < len(plain) + 4:
        size = size * 3 // 2 if size & (size - 1) == 0 else size // 3 * 4
    return len(plain).to_bytes(4, "big") + plain + bytes(size - len(plain) - 4)


def _header_to_map(header: Header) -> dict[str, object]:
    return {f.name: getattr(header, f.name) for f in dataclasses.fields(header)} | {"masks": list(header.masks)}


def _header_from_map(value: object) -> Header:
    if not isinstance(value, dict) or not isinstance(value.get("version"), int):
        raise BadBatch("a batch's header is malformed", hint="only Cairn nodes may write here")
    if value["version"] not in KNOWN_VERSIONS:
        hint = f"update the centre: it knows {sorted(KNOWN_VERSIONS)}"
        raise UnknownVersion(f"a batch has schema version {value['version']}", hint=hint)
    try:
        header = Header(**{**value, "masks": tuple(value["masks"])})
        _check_header(header)
    except BadBatch:
        raise
    except (TypeError, KeyError, ValueError, CairnError):
        raise BadBatch("a batch's header is malformed", hint="only Cairn nodes may write here") from None
    return header


def _check_header(header: Header) -> None:
    check_id(header.node, "node")
    Epoch(header.cell, header.hour)
    numbers = (header.version, header.boot, header.sequence, header.covers, header.people, *header.masks)
    fits = all(type(n) is int and 0 <= n < 2**32 for n in numbers) and len(header.masks) == 4
    fits = fits and type(header.hour) is int and type(header.clock_error_ms) is int
    fits = fits and abs(header.clock_error_ms) < 2**31
    fits = fits and 1 <= header.covers <= header.sequence + 1 and isinstance(header.models, dict)
    if not fits or not all(check_id(key, "modality") and check_id(m, "model") for key, m in header.models.items()):
        raise BadBatch("a batch's header has a number out of range", hint="only Cairn nodes may write here")
