"""A real PostgreSQL server for tests: its own files, its own user, a Unix socket, and a fresh database a test."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.pool import Pool

from tests.folders import quick_folder
from tests.made_databases import centres_database
from tests.waiting import wait_until

PLACE: Callable[[Path], str] | None = None
_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=32MB", "max_connections=60")


@dataclass
class Postgres:
    """A running server. Each database that it gives is new, and gone when the server stops."""

    folder: Path

    def __post_init__(self) -> None:
        self._admin: Engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://cairn@/{database}?host={self.folder}"

    def empty(self) -> str:
        """The address of a new database without tables."""
        return self._new("template0")

    def fresh(self) -> str:
        """The address of a new database with the centre's tables of today."""
        if not self._has("centre_of_today"):
            from central.database import open_database

            self._new("template0", "centre_being_made")
            open_database(self.url("centre_being_made")).dispose()
            self.run('ALTER DATABASE "centre_being_made" RENAME TO "centre_of_today"')
        return self._new("centre_of_today")

    def drop(self, url: str) -> None:
        """Forget a database, whoever is still connected."""
        self.run(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')

    def with_password(self, user: str) -> str:
        """The address of a new database for a user whom the server asks for a password from now on."""
        rules = self.folder / "data" / "pg_hba.conf"
        rules.write_text(f"local all {user} scram-sha-256\n{rules.read_text()}")
        self.run("SELECT pg_reload_conf()")
        return self.empty().replace("cairn@", f"{user}@")

    def cut_off(self, url: str) -> None:
        """End every connection to a database, as a server that is started again would."""
        ends = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        with self._admin.connect() as connection:
            connection.execute(ends, {"name": make_url(url).database})

    def tool(self, name: str, *arguments: str) -> None:
        """One of the server's own programs, of the server's own version."""
        subprocess.run([_BINARIES[-1] / name, *arguments], check=True, capture_output=True)

    def close(self) -> None:
        self._admin.dispose()

    def _new(self, template: str, name: str = "") -> str:
        name = name or f"test_{uuid.uuid4().hex[:12]}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def _has(self, name: str) -> bool:
        with self._admin.connect() as connection:
            found = connection.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
            return found.scalar() is not None

    def run(self, statement: str) -> None:
        """As the server's administrator, outside any transaction."""
        with self._admin.connect() as connection:
            connection.exec_driver_sql(statement)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the whole session; where none is installed, its tests are skipped, but never in CI."""
    if not _BINARIES:
        reason = "PostgreSQL is not installed: apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    # The path of a Unix socket may have no more than 107 bytes, so the folder is a short one.
    folder = Path(tempfile.mkdtemp(prefix="cairn-pg-", dir=quick_folder("/tmp")))  # noqa: S108  (drawn, and its own)
    try:
        with _served(folder, _BINARIES[-1]) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind that the centre runs on."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'centre.sqlite'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    with lent(server, server.empty()) as url:
        yield url


def database_in(folder: Path) -> str:
    """Where a test keeps the centre's data: in this folder, or on PostgreSQL below tests/central/postgres."""
    if PLACE:
        return PLACE(folder)
    path = folder / "centre.sqlite"
    centres_database(path)
    return f"sqlite:///{path}"


@pytest.fixture
def on_postgres(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`database_in` gives a database on PostgreSQL, the same one for the same folder."""
    with ExitStack() as stack:

        @cache
        def place(folder: Path) -> str:
            return stack.enter_context(lent(postgres, postgres.fresh()))

        monkeypatch.setattr("tests.postgres.PLACE", place)
        yield


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A database with today's tables on PostgreSQL."""
    with lent(postgres, postgres.fresh()) as url:
        yield url


@contextmanager
def lent(server: Postgres, url: str) -> Iterator[str]:
    """A database for one test, whose connections are closed however the test ends: psycopg warns of open ones."""
    opened: list[Any] = []

    def note(connection: Any, _record: Any) -> None:
        opened.append(connection)

    event.listen(Pool, "connect", note)
    yield url
    event.remove(Pool, "connect", note)
    for connection in opened:
        connection.close()
    server.drop(url)


@contextmanager
def _served(folder: Path, binaries: Path) -> Iterator[Postgres]:
    unprivileged = _unprivileged(folder)
    data, log = folder / "data", folder / "log"
    how = ("-U", "cairn", "--auth=trust", "-E", "UTF8", "--locale=C", "-N")
    made: list[str | Path] = [binaries / "initdb", "-D", data, *how]
    subprocess.run(made, check=True, capture_output=True, cwd=folder, **unprivileged)
    options = [word for setting in _QUICK for word in ("-c", setting)]
    command: list[str | Path] = [binaries / "postgres", "-D", data, "-k", folder, "-h", "", *options]
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, cwd=folder, **unprivileged)
    try:
        wait_until(lambda: process.poll() is not None or _ready(folder, binaries), "PostgreSQL", 60)
        assert process.poll() is None, log.read_text()
        server = Postgres(folder)
        yield server
        server.close()
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown: whoever is connected is cut off
        process.wait(60)


def _ready(folder: Path, binaries: Path) -> bool:
    return subprocess.run([binaries / "pg_isready", "-q", "-h", folder], check=False).returncode == 0


def _unprivileged(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root; the package brings a user of its own."""
    if os.getuid():
        return {}
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "umask": 0o077}
