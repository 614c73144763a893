"""`make demo`: what Cairn does, from rendered camera pixels to a patient's route, with every part real."""

from __future__ import annotations

import argparse
import fcntl
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import CairnError

if TYPE_CHECKING:
    from tests.demo.day import Day
    from tests.demo.telling import Teller

HOME = Path(__file__).parent.parent.parent / "build" / "demo"
_INTRODUCTION = """Cairn from end to end. Only the people are made up: films of a patient and of passers-by are drawn,
and six boxes run the real models on their pixels. A thousand simulated cameras around them send sealed batches of other
people, over a real broker to a real centre. Everything is kept in {home}, with a log of every program.
"""
_REFUSED, _DIFFERENT, _STOPPED = 2, 1, 130


def main(arguments: list[str] | None = None) -> int:
    """0 when the route equals the truth, 1 when it does not, 2 when a part failed, 130 after Ctrl-C."""
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _alone(asked.home):
            return _play(asked)
    except KeyboardInterrupt:
        print("\nstopped; nothing is left running")
        return _STOPPED
    except (CairnError, TimeoutError) as error:
        print(f"✗ {error.message if isinstance(error, CairnError) else error}", file=sys.stderr)
        hint = error.hint if isinstance(error, CairnError) else f"look into {asked.home / 'logs'}"
        print(f"  {hint}\n  everything was stopped; try again with: make demo-once", file=sys.stderr)
        return _REFUSED


def _play(asked: argparse.Namespace) -> int:
    from tests.demo.day import Day, Wishes
    from tests.demo.telling import Teller

    teller = Teller()
    teller.line(_INTRODUCTION.format(home=asked.home))
    with Day(asked.home, Wishes(asked.once, asked.transcript, asked.cameras), teller).running() as day:
        faults = day.play()
        if faults:
            print(f"✗ the route differs from what happened after {teller.seconds:.0f} s: {'; '.join(faults)}")
            print(f"  look into {day.layout.logs}; every camera's film is in {day.layout.films}")
            return _DIFFERENT
        teller.line(f"✓ the route equals the truth; {teller.seconds:.0f} s in all")
        if not asked.once:
            _invite(day, teller)
            with suppress(KeyboardInterrupt):  # the way to end it, not a failure
                day.serve()
    if not asked.once:
        teller.line("\nended; nothing is left running")
    return 0


def _invite(day: Day, teller: Teller) -> None:
    """Tell the newcomer where to look."""
    from tests.demo.layout import TRACER

    token = (day.layout.desk / f"{TRACER}.token").read_text().strip()
    teller.line(f"""
The centre is still running. Throw-away token of the tracer {TRACER}:

  {token}

  the route as a picture   {day.layout.home / "route.svg"}
  the pages                {day.layout.api}   (sign in with the token)
  the API's description    {day.layout.api}/openapi.json
  the route by the API     curl -H 'Authorization: Bearer {token}' {day.layout.api}/cases/case-1/route

Ctrl-C ends everything.""")


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """An empty folder for this run, and no second run in it."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CairnError("another demo is running", hint="end it with Ctrl-C in its own window") from None
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__, epilog="example: make demo-once")
    parser.add_argument("--once", action="store_true", help="end after the report; without it, serve until Ctrl-C")
    parser.add_argument("--home", type=Path, default=HOME, help="where to keep everything; emptied first")
    parser.add_argument("--cameras", type=int, default=1000, help="simulated cameras around the real ones")
    parser.add_argument("--transcript", type=Path, help="write down all that the broker carries (for a test)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
