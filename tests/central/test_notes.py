"""Signed notes, checkpoints and cosignatures: byte for byte as the field writes them, and nothing else is taken."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from central.audit.notes import BadNote, Checkpoint, Kind, Note, Unsigned, Verifier, cosign, opened, sign

# The key and the note in the documentation of the format's first implementation, golang.org/x/mod/sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_PRIVATE = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ORIGIN = "cairn.example/centre"
LOG, WITNESS = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
LOG_KEY = Verifier.of(ORIGIN, Kind.LOG, LOG)
WITNESS_KEY = Verifier.of("witness.example/w1", Kind.WITNESS, WITNESS)
POINT = Checkpoint(ORIGIN, 20852163, bytes(range(32)))


def test_a_note_of_the_reference_implementation_is_read_and_written() -> None:
    """Its verifier key, its key id and its signature come out byte for byte."""
    key = Verifier.parse(GO_KEY)
    assert (str(key), key.key_id.hex()) == (GO_KEY, "c74f20a3")
    note = Note.parse(f"{GO_TEXT}\n{GO_LINE}")
    assert note.verified([key]) == {key: None}
    assert str(note) == f"{GO_TEXT}\n{GO_LINE}"
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(GO_PRIVATE)[1:])
    assert Verifier.of("PeterNeumann", Kind.LOG, private) == key
    assert private.sign(GO_TEXT.encode()) == note.signatures[0][2]


def test_the_specifications_example_is_a_checkpoint() -> None:
    """The example of c2sp.org/tlog-checkpoint is read, and written again as it stands there."""
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    found = Checkpoint.parse(text)
    assert (found.origin, found.size, found.text) == ("example.com/behind-the-sofa", 20852163, text)
    assert Checkpoint.parse(text + "an extension\n").size == 20852163


def test_a_checkpoint_carries_the_logs_signature_and_each_witness_s() -> None:
    """Signed by the log, cosigned with a time; both are found again, others are ignored."""
    written = sign(POINT, LOG)
    line = cosign(POINT.text, "witness.example/w1", WITNESS, NOW)
    both = written.with_signatures(line, [WITNESS_KEY])
    checkpoint, note = opened(str(both), LOG_KEY)
    assert checkpoint == POINT
    assert note.verified([LOG_KEY, WITNESS_KEY]) == {LOG_KEY: None, WITNESS_KEY: NOW}
    stranger = Verifier.of("witness.example/w2", Kind.WITNESS, WITNESS)
    assert note.verified([stranger]) == {}
    assert written.with_signatures(line, [stranger]) == written
    later = cosign(POINT.text, "witness.example/w1", WITNESS, NOW.replace(hour=10))
    renewed = both.with_signatures(later, [WITNESS_KEY])
    assert (len(renewed.signatures), renewed.verified([WITNESS_KEY])) == (2, {WITNESS_KEY: NOW.replace(hour=10)})


def test_a_cosignature_signs_its_time() -> None:
    """A witness's signature with another time on it is false."""
    (name, key_id, signature), *_ = cosign(POINT.text, "witness.example/w1", WITNESS, NOW).signatures
    assert (int.from_bytes(signature[:8], "big"), len(signature)) == (int(NOW.timestamp()), 72)
    moved = (int(NOW.timestamp()) + 1).to_bytes(8, "big") + signature[8:]
    for forged in (moved, b"\xff" * 8 + signature[8:], signature[:-1], b"\x00" * 72):
        with pytest.raises(BadNote, match="false"):
            Note(POINT.text, ((name, key_id, forged),)).verified([WITNESS_KEY])


@pytest.mark.parametrize(
    "written",
    [
        "", "\n\n", "garbage", POINT.text, POINT.text + "\n", f"{POINT.text}\n- log AAAAAAAA\n",
        f"{POINT.text}\n— log AAAAAAAA", f"{POINT.text}\n— log AAAA\n", f"{POINT.text}\n— log !!!!\n",
        f"{POINT.text}\n— a+b AAAAAAAA\n", f"{POINT.text}\n— log AAAAAAB=\n", f"a\tb\n\n{GO_LINE}",
        f"{GO_TEXT}\n{GO_LINE}trailing", f"{GO_TEXT}\n{GO_LINE * 40}", f"{'x' * 40000}\n\n{GO_LINE}",
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused_by_name(written: str) -> None:
    """Garbage, half a note, a line of another form, too many signatures or too much text."""
    with pytest.raises(BadNote):
        Note.parse(written)


@pytest.mark.parametrize(
    "text",
    [
        "", "a\n", "a\n1\n", "a\n01\nAAAA\n", "a\n-1\n" + "A" * 43 + "=\n", "a\n1\nAAAA\n", "\n1\n" + "A" * 43 + "=\n",
        "a\n1\n" + "A" * 43 + "=", "a\n1\n" + "A" * 43 + "=\n\n", "a\n" + "9" * 20 + "\n" + "A" * 43 + "=\n",
        "a\n1\n" + "A" * 42 + "B=\n",
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused_by_name(text: str) -> None:
    """A size with a leading zero or a sign, a root of another length, an empty line."""
    with pytest.raises(BadNote):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "name", "name+c74f20a3", GO_KEY.replace("c74f20a3", "c74f20a4"), GO_KEY.upper(), GO_KEY + "A",
        GO_KEY.replace("Peter", "Peter "), GO_KEY.replace("P", "\udcff"),
        "PeterNeumann+c74f20a3+!!!!", GO_KEY.replace("+ARpc", "+AhPc"),
    ],
)  # fmt: skip
def test_what_is_no_verifier_key_is_refused_by_name(text: str) -> None:
    """A key whose id is not its own was copied wrongly, or is another's."""
    with pytest.raises(BadNote, match="verifier key"):
        Verifier.parse(text)


def test_a_checkpoint_of_another_key_or_another_log_is_unsigned() -> None:
    """Neither another's signature nor another origin under the same key is taken."""
    with pytest.raises(Unsigned):
        opened(str(sign(POINT, WITNESS)), LOG_KEY)
    with pytest.raises(Unsigned):
        opened(str(sign(Checkpoint("cairn.example/other", 3, bytes(32)), LOG)), LOG_KEY)
    changed = str(sign(POINT, LOG)).replace("20852163", "20852164")
    with pytest.raises(BadNote, match="false"):
        opened(changed, LOG_KEY)
    with pytest.raises(BadNote, match="cannot name"):
        Verifier.of("with space", Kind.LOG, LOG)


@given(st.integers(0, 2**62), st.binary(min_size=32, max_size=32))
def test_every_checkpoint_comes_back_as_it_was_signed(size: int, root: bytes) -> None:
    """Writing and reading are each other's inverse."""
    point = Checkpoint(ORIGIN, size, root)
    assert opened(str(sign(point, LOG)), LOG_KEY)[0] == point


@given(st.text(max_size=300))
def test_no_text_makes_the_reader_fall(text: str) -> None:
    """Whatever comes in, the answer is a note or the named refusal."""
    for read in (Note.parse, Checkpoint.parse, Verifier.parse):
        with contextlib.suppress(BadNote):
            read(text)
