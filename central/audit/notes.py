"""Signed notes, checkpoints and cosignatures in the text formats of the transparency-log field.

c2sp.org/signed-note, c2sp.org/tlog-checkpoint and c2sp.org/tlog-cosignature (version 1, Ed25519), so that witnesses and
checkers that others wrote can be used with this log, and ours with theirs.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.audit.merkle import HASH_BYTES
from shared.clock import from_unix
from shared.errors import BadInput
from shared.keys import KEY_BYTES, signing_public

MAX_NOTE_BYTES = 32 * 1024
MAX_SIGNATURES = 32
_NAME = re.compile(r"[^\s+\x00-\x1f\ud800-\udfff]{1,255}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_LINE = re.compile(r"— ([^\s+]{1,255}) ([A-Za-z0-9+/]+=*)")
_NO_NOTE = "compare it with the file as it was published; an incomplete copy cannot be checked"


class BadNote(BadInput):
    """A signed note, a checkpoint or a verifier key cannot be read, or a signature on it is false."""


class Unsigned(BadNote):
    """A note carries no signature of a key that it must carry one of."""


class Kind(IntEnum):
    """The signature type's identifier byte: a log's own signature, and a witness's with its time."""

    LOG = 1
    WITNESS = 4


@dataclass(frozen=True, slots=True)
class Verifier:
    """A named public key; its text form is what the other side is given."""

    name: str
    kind: Kind
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """NAME+KEYID+BASE64. BadNote when the three do not belong together."""
        name, _, rest = text.strip().partition("+")
        key_id, _, coded = rest.partition("+")
        raw = _unbase64(coded)
        if _NAME.fullmatch(name) and len(raw) == 1 + KEY_BYTES and raw[0] in tuple(Kind):
            found = cls(name, Kind(raw[0]), raw[1:])
            if found.key_id.hex() == key_id:
                return found
        hint = "copy the whole line that `cairn-central audit key` printed, NAME+ID+KEY"
        raise BadNote(f"{text[:40]!r} is not a verifier key", hint=hint)

    @classmethod
    def of(cls, name: str, kind: Kind, key: Ed25519PrivateKey) -> Verifier:
        """The public side of a key that signs under this name."""
        return cls(check_name(name), kind, key.public_key().public_bytes_raw())

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_base64(bytes([self.kind]) + self.public)}"

    def signed_at(self, text: str, signature: bytes) -> datetime | None:
        """Check one signature; returns a witness's time. Raises InvalidSignature."""
        key, when = signing_public(self.public), None
        if self.kind is Kind.LOG:
            key.verify(signature, text.encode())
        else:
            seconds = int.from_bytes(signature[:8], "big")
            key.verify(signature[8:], _cosigned(text, seconds))
            when = _moment(seconds)
        return when


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's tree at one size, as it is signed."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """From a note's text; lines beyond the third are others' extensions and are not looked at."""
        lines = text.split("\n")
        if len(lines) >= 4 and lines[0] and _NUMBER.fullmatch(lines[1]) and all(lines[2:-1]) and not lines[-1]:
            root = _unbase64(lines[2])
            if len(root) == HASH_BYTES:
                return cls(lines[0], int(lines[1]), root)
        raise BadNote("this is not a checkpoint of a log", hint=_NO_NOTE)


@dataclass(frozen=True, slots=True)
class Note:
    """A text with signature lines: (name, key id, signature). None of it is believed before it is verified."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    @classmethod
    def parse(cls, written: str) -> Note:
        """BadNote for anything that breaks the format, too large or too much signed included."""
        text, blank, lines = written.rpartition("\n\n") if len(written) <= MAX_NOTE_BYTES else ("", "", "")
        text += "\n"
        found = [_signature(line) for line in lines.split("\n")[:-1]] if lines.endswith("\n") else []
        control = any(ord(sign) < 0x20 and sign != "\n" for sign in written)
        if not blank or not found or control or len(found) > MAX_SIGNATURES:
            raise BadNote("this is not a signed note", hint=_NO_NOTE)
        return cls(text, tuple(found))

    def __str__(self) -> str:
        lines = (f"— {name} {_base64(key_id + signature)}\n" for name, key_id, signature in self.signatures)
        return f"{self.text}\n{''.join(lines)}"

    def verified(self, keys: Iterable[Verifier]) -> dict[Verifier, datetime | None]:
        """Which of these keys have signed, and when a witness did. BadNote when a signature in one's name is false."""
        found: dict[Verifier, datetime | None] = {}
        for key in keys:
            for name, key_id, signature in self.signatures:
                if (name, key_id) != (key.name, key.key_id):
                    continue
                try:
                    found[key] = key.signed_at(self.text, signature)
                except InvalidSignature:
                    hint = "the text or the signature was changed; take it from where it was published"
                    raise BadNote(f"the signature of {name} is false", hint=hint) from None
        return found

    def with_signatures(self, other: Note, keys: Iterable[Verifier]) -> Note:
        """This note with those signatures of another on the same text that `keys` made, one a key, the newer one."""
        kept = {(name, key_id): signature for name, key_id, signature in self.signatures}
        wanted = {(key.name, key.key_id) for key in other.verified(keys)} if other.text == self.text else set()
        kept |= {(name, key_id): sig for name, key_id, sig in other.signatures if (name, key_id) in wanted}
        return Note(self.text, tuple((*who, signature) for who, signature in kept.items()))


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> Note:
    """The log's own signature; the key's name is the origin."""
    by = Verifier.of(checkpoint.origin, Kind.LOG, key)
    return Note(checkpoint.text, ((by.name, by.key_id, key.sign(checkpoint.text.encode())),))


def cosign(text: str, name: str, key: Ed25519PrivateKey, now: datetime) -> Note:
    """A witness's signature, which says when; a note with that one line."""
    by, seconds = Verifier.of(name, Kind.WITNESS, key), int(now.timestamp())
    return Note(text, ((by.name, by.key_id, seconds.to_bytes(8, "big") + key.sign(_cosigned(text, seconds))),))


def opened(written: str, log_key: Verifier) -> tuple[Checkpoint, Note]:
    """A checkpoint that this log has signed. Unsigned when it has not, or when it is another log's."""
    note = Note.parse(written)
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != log_key.name or log_key not in note.verified([log_key]):
        hint = f"it must be signed by {log_key.name}, with the key that the log's verifier key names"
        raise Unsigned("this checkpoint is not signed by the log", hint=hint)
    return checkpoint, note


def check_name(name: str) -> str:
    """A key's name: no space, no plus sign. BadNote otherwise."""
    if _NAME.fullmatch(name):
        return name
    raise BadNote(f"{name[:40]!r} cannot name a key", hint="write it like cairn.example/centre, without space or plus")


def _signature(line: str) -> tuple[str, bytes, bytes]:
    parts = _LINE.fullmatch(line)
    raw = _unbase64(parts[2]) if parts else b""
    if not parts or len(raw) < 5:
        raise BadNote("a note has a line that is no signature", hint=_NO_NOTE)
    return parts[1], raw[:4], raw[4:]


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _moment(seconds: int) -> datetime:
    try:
        return from_unix(seconds)
    except (ValueError, OverflowError, OSError):
        raise InvalidSignature from None


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unbase64(text: str) -> bytes:
    """Empty for what is not base64 in its one proper spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if _base64(raw) == text else b""
