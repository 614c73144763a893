"""`python -m tests.city OUT`: write a synthetic city with ground truth as a scenario folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import monotonic

from tests.city.city import make_city
from tests.city.plan import CityPlan
from tests.city.write import write_scenario

_EXAMPLE = """example:
  python -m tests.city --cameras 300 --people 4000 --masks 0.5 --seed 7 build/city
  cairn-central replay build/city --calibration build/city/calibration.json
"""


def main(arguments: list[str] | None = None) -> int:
    """0 when the folder is written, 2 when the plan makes no sense, 130 when interrupted."""
    asked = _parser().parse_args(arguments)
    began = monotonic()

    def tell(what: str) -> None:
        print(f"{monotonic() - began:6.1f} s  {what}", file=sys.stderr)

    plan = CityPlan(
        seed=asked.seed,
        cameras=asked.cameras,
        people=asked.people,
        patients=asked.patients,
        days=asked.days,
        mask_share=asked.masks,
    )
    try:
        tell("streets, people, walks")
        city = make_city(plan)
        tell(f"{len(city.sightings)} sightings, {len(city.encounters)} encounters")
        write_scenario(city, asked.out, tell)
        tell(f"written to {asked.out}")
    except OSError as error:
        print(f"cannot write {asked.out}: {error.strerror} (choose another folder)", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the folder is not complete", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.city",
        description=__doc__,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, help="folder to write; made if missing")
    parser.add_argument("--cameras", type=_positive, default=300, help="default: %(default)s")
    parser.add_argument("--people", type=_positive, default=4000, help="default: %(default)s")
    parser.add_argument("--patients", type=_positive, default=3, help="default: %(default)s")
    parser.add_argument("--days", type=_positive, default=1, help="default: %(default)s")
    parser.add_argument("--masks", type=_share, default=0.5, help="share of people who wear a mask (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same bytes (%(default)s)")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a whole number above 0")
    return number


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("give a share from 0 to 1")
    return share


if __name__ == "__main__":
    sys.exit(main())
