"""kill -9 of a real process while it draws, destroys and rewraps, and two processes on one authority's database."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import text

from central.authority.kek import PassphraseKey
from central.authority.limits import CaseWithdrawn
from central.authority.released import Recipient
from central.authority.service import Authority, AuthorityFiles
from central.authority.statements import check_destruction
from shared.clock import SystemClock
from shared.keys import read_signing_key, signing_public, write_key
from tests.central.authority_fixtures import World

ROOT = Path(__file__).parents[2]
FIRST = date(2026, 11, 1)
KILLS = 4
# What the process does, one act a line, each acknowledged on stdout once it is done.
ACTS = """
import sys
from datetime import date, timedelta
from tests.central.test_authority_crash import keys, opened
from pathlib import Path
authority = opened(Path(sys.argv[1]))
both, day = keys(), date.fromisoformat(sys.argv[2])
if sys.argv[3] == "rewrap":
    authority._secrets._key = both[1]
for n in range(10_000):
    key = both[n % 2]
    if sys.argv[3] == "rewrap":
        authority.rewrap(key)
        authority._secrets._key = key
        print("rewrapped", key.id, flush=True)
        continue
    authority._secrets.draw(day)
    print("drawn", day, flush=True)
    if n % 2:
        authority.destroy(day)
        print("destroyed", day, flush=True)
    day += timedelta(days=1)
"""


def opened(folder: Path) -> Authority:
    """The authority of this folder; whoever comes first makes what it needs."""
    passphrase, signing = folder / "passphrase", folder / "signing.key"
    if not signing.exists():
        write_key(signing, Ed25519PrivateKey.generate())
        passphrase.touch(mode=0o600)
        passphrase.write_text("correct horse battery staple")
    files = AuthorityFiles("north", folder / "north.sqlite", passphrase, read_signing_key(signing), bytes(range(32)))
    return Authority(files, SystemClock())


def keys() -> list[PassphraseKey]:
    """Two keys to move between."""
    return [PassphraseKey(bytes(16), words, 1024) for words in (b"one passphrase of two", b"the other passphrase")]


def killed(folder: Path, day: date, act: str, rng: random.Random) -> list[list[str]]:
    """Run until some acts are acknowledged, kill -9 at a random moment of the next; returns what was acknowledged."""
    with subprocess.Popen(
        [sys.executable, "-c", ACTS, str(folder), day.isoformat(), act],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    ) as process:  # fmt: skip
        lines = _lines(process)
        said = [next(lines).split() for _ in range(rng.randint(2, 9))]
        try:
            process.wait(rng.uniform(0, 0.03))
        except subprocess.TimeoutExpired:
            process.kill()
        said += [line.split() for line in lines if line.endswith("\n")]
    return said


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout
    yield from iter(process.stdout.readline, "")


def check_whole(authority: Authority) -> None:
    """The file is sound, the log is whole, every live secret unwraps, every destroyed day has a statement."""
    with authority.engine.connect() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
    assert authority.book.check().wrong is None
    authority._secrets.check()
    destroyed = authority._secrets.destroyed()
    statements = authority.statements()
    assert {one.day for one in statements} == set(destroyed)
    for one in statements:
        check_destruction(one, signing_public(authority.public))
    assert not set(destroyed) & set(authority._secrets.days())


def test_killed_while_drawing_and_destroying_nothing_is_half_done(tmp_path: Path) -> None:
    """What was acknowledged has happened, a destroyed day stays destroyed, and no wrapped secret is left beside."""
    rng, day = random.Random(3), FIRST
    gone: set[date] = set()
    live: set[date] = set()
    opened(tmp_path)
    for _ in range(KILLS):
        said = killed(tmp_path, day, "draw", rng)
        gone |= {date.fromisoformat(what) for did, what in said if did == "destroyed"}
        live |= {date.fromisoformat(what) for did, what in said if did == "drawn"}
        authority = opened(tmp_path)
        check_whole(authority)
        assert gone <= set(authority._secrets.destroyed())
        assert live <= set(authority._secrets.destroyed()) | set(authority._secrets.days())
        journal = tmp_path / "north.sqlite-journal"
        assert not journal.exists() or not journal.read_bytes().strip(b"\0")
        day += timedelta(days=1000)
        authority.engine.dispose()


def test_killed_while_rewrapping_all_secrets_are_under_one_key(tmp_path: Path) -> None:
    """Never some under one key and some under the other; whichever it is opens all of them, to the same secrets."""
    rng, authority = random.Random(5), opened(tmp_path)
    for n in range(30):
        authority._secrets.draw(FIRST + timedelta(days=n))
    secrets = authority._secrets._live(authority._secrets.days())
    authority.rewrap(keys()[1])
    for _ in range(KILLS):
        assert killed(tmp_path, FIRST, "rewrap", rng)
        in_use = _in_use(authority)
        authority._secrets._key = next(key for key in keys() if key.id == in_use)
        assert authority._secrets._live(authority._secrets.days()) == secrets
        check_whole(authority)
        authority.rewrap(keys()[1])


def _in_use(authority: Authority) -> str:
    with authority.engine.connect() as connection:
        (only,) = connection.execute(text("SELECT DISTINCT key_id FROM daysecret WHERE wrapped IS NOT NULL")).all()
    return str(only[0])


def test_a_command_beside_a_running_authority_draws_each_day_once(tmp_path: Path) -> None:
    """Two openings of one database that draw the same days agree on every secret; a destroyed day is drawn by none."""
    pair = [opened(tmp_path), opened(tmp_path)]
    days = [FIRST + timedelta(days=n) for n in range(12)]
    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(who._secrets.draw, day) for day in days for who in pair]:
            one.result()
    first, second = (who._secrets._live(days) for who in pair)
    assert first == second
    assert len(set(first.values())) == len(days)
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(who.destroy, day) for day in days[:6] for who in pair]
        statements = {one.result().day: one.result() for one in done}
    assert len({(s.day, s.destroyed_at) for s in (one.result() for one in done)}) == len(statements)
    check_whole(pair[1])


def test_a_withdrawal_by_a_command_counts_for_the_running_authority(tmp_path: Path) -> None:
    """What the office ends on its own machine is refused by the process beside it from then on."""
    world = World(tmp_path)
    beside = world.authority("authority-a")
    beside.withdraw("case-1")
    with pytest.raises(CaseWithdrawn):
        world.authorities[0].release(world.release(), Recipient.SEARCH, bytes(range(32)))
