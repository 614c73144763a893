"""See tests/central/test_retention.py; and what PostgreSQL keeps of erased rows."""

from pathlib import Path

from sqlalchemy import text

from tests.central.centre_fixtures import Office
from tests.central.test_retention import *  # noqa: F403
from tests.postgres import Postgres


def test_an_erased_route_is_in_no_file_of_its_table(quiet: Office, postgres: Postgres) -> None:
    """Withdrawn and scrubbed, the table's files are written anew without it."""
    from central.database import writing
    from central.retention.scrub import scrub
    from central.routes.store import forget_route
    from central.routes.tables import FoundRoute
    from tests.central.authority_fixtures import NOW

    def files() -> bytes:
        with quiet.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("CHECKPOINT"))
            places = connection.execute(
                text("SELECT pg_relation_filepath(oid) FROM pg_class WHERE relname = 'foundroute'")
            )
            return b"".join((Path(postgres.folder) / "data" / place).read_bytes() for (place,) in places)

    with writing(quiet.engine) as session:
        session.add(FoundRoute(case="case-7", job="job-7", found_at=NOW, route="the-way-of-one-patient"))
        session.commit()
    assert b"the-way-of-one-patient" in files()
    with writing(quiet.engine) as session:
        forget_route(session, "case-7")
        session.commit()
    assert b"the-way-of-one-patient" in files()
    assert scrub(quiet.engine)
    assert b"the-way-of-one-patient" not in files()
