"""`python -m tests.city OUT`: write a synthetic city with ground truth as a scenario folder."""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic, process_time

from shared.calibration.curves import Calibration
from shared.errors import CairnError
from tests.city.album import Album, held_out, measured_on, read_album
from tests.city.bank import FOLDER
from tests.city.city import make_city
from tests.city.laws import calibration
from tests.city.photos import DATA, NoPhotos, photo_folders
from tests.city.plan import CityPlan
from tests.city.sites import REGISTER, BadRegister, read_register
from tests.city.sizes import SIZES, plan_of
from tests.city.stream import Tell
from tests.city.write import SIMULATED, write_scenario
from tests.city.write_stream import bytes_of, write_stream

_EXAMPLE = """sizes:
  small      300 cameras, 4,000 people: as the figures of routes are measured; made in memory
  album      300 cameras, and one person for each of whom there are photos: about 950, whose faces are real ones
  district   541 cameras, 42,500 people: a twentieth of Bucheon, with buses, a metro line, and nodes that fail
  city       10,820 cameras, 850,000 people, 123 cameras a km²: all of Bucheon; a day takes about 11 GB on disk

examples:
  python -m tests.city --masks 0.5 --seed 7 build/city
  python -m tests.city --size album --held-out 0.3 --patients 10 --masks 0.5 --seed 7 build/album
  python -m tests.city --size district --patients 10 --seed 7 build/district
  python -m tests.city --size city --days 1 build/bucheon
  cairn-central replay build/city --calibration build/city/calibration.json

In an album people look like those on the photos that lie beside the project, or in --photos. A patient registers one
photo and is seen by others; who is on one photo only is no patient. What the box's models see of each photo is kept in
build/faces: about fifteen minutes of one core for 1,500 photos, once, and resumed when interrupted. Without photos the
faces are simulated; scenario.json says which. With --held-out some people stay out of the city, and calibration.json is
measured on them; calibration-shipped.json beside it is the one that ships.

District and city are streamed: an hour of a part of the city is in memory at once. The same seed gives the same bytes,
where the same register of cameras lies, or none.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the folder is written, 2 when the plan makes no sense, 130 when interrupted."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.size != "album" and (asked.faces or asked.photos or asked.held_out):
        parser.error("--faces, --photos and --held-out are for --size album")
    began = monotonic()

    def tell(what: str) -> None:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{monotonic() - began:6.1f} s  {process_time():6.1f} s CPU  {memory:5d} MB  {what}", file=sys.stderr)

    plan = _plan(asked)
    try:
        if asked.size == "album":
            _album(plan, asked, tell)
        elif asked.size == "small":
            _whole(plan, asked.out, tell)
        else:
            tell(f"about {bytes_of(plan) / 1e9:.1f} GB will be written")
            write_stream(plan, asked.out, tell, register=read_register(asked.register), work=asked.work)
        tell(f"written to {asked.out}")
    except BadRegister as error:
        print(f"{error} (give another, or --register none)", file=sys.stderr)
        return 2
    except CairnError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        hint = "make room, or choose another folder or a smaller city"
        print(f"cannot write {asked.out}: {error.strerror or error} ({hint})", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the folder is not complete", file=sys.stderr)
        return 130
    return 0


def _plan(asked: argparse.Namespace) -> CityPlan:
    changes = {"cameras": asked.cameras, "people": asked.people, "patients": asked.patients, "days": asked.days}
    changes |= {"seed": asked.seed, "mask_share": asked.masks, "outage_share": asked.outages}
    if asked.size not in ("small", "album"):
        changes["node_outage_share"] = asked.node_outages
    return plan_of(asked.size, **{name: value for name, value in changes.items() if value is not None})


def _whole(plan: CityPlan, out: Path, tell: Tell, album: Album | None = None, laws: Calibration | None = None) -> None:
    tell("streets, people, walks")
    city = make_city(plan, album)
    tell(f"{len(city.sightings)} sightings, {len(city.encounters)} encounters")
    tell(f"faces are {city.real.about if city.real else SIMULATED}")
    write_scenario(city, out, tell, laws)


def _album(plan: CityPlan, asked: argparse.Namespace, tell: Tell) -> None:
    """Real faces where there are photos. Raises CairnError kinds."""
    folders = [] if asked.faces == "simulated" else asked.photos or photo_folders()
    if not folders and asked.faces == "real":
        raise NoPhotos("there are no photos of people here", hint=f"give --photos DIR, or set {DATA}")
    if not folders:
        _whole(plan, asked.out, tell)
    else:
        album, others = held_out(plan, read_album(folders, asked.bank, tell), asked.held_out)
        laws = measured_on(others, calibration(plan)) if len(others) else None
        _whole(replace(plan, people=asked.people or len(album)), asked.out, tell, album, laws)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.city",
        description=__doc__,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, help="folder to write; made if missing")
    parser.add_argument("--size", choices=SIZES, default="small", help="default: %(default)s")
    parser.add_argument("--cameras", type=_positive, help="other than the size's")
    parser.add_argument("--people", type=_positive, help="other than the size's")
    parser.add_argument("--patients", type=_positive, default=3, help="default: %(default)s")
    parser.add_argument("--days", type=_positive, default=1, help="default: %(default)s")
    parser.add_argument("--masks", type=_share, default=0.5, help="share of people who wear a mask (%(default)s)")
    parser.add_argument("--outages", type=_share, help="share of cameras that fail once (0.02)")
    parser.add_argument(
        "--node-outages", type=_share, help="share of hours that whole nodes are dark (0.01; not in a small city)"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same bytes (%(default)s)")
    parser.add_argument(
        "--register", type=_register, default=REGISTER, metavar="CSV",
        help="real camera sites to be as thick as, or none for a process fitted to them; not in a small city",
    )  # fmt: skip
    parser.add_argument(
        "--faces", choices=("real", "simulated"), help="in an album; real where there are photos, if not said"
    )
    parser.add_argument(
        "--photos", type=Path, action="append", metavar="DIR",
        help=f"a folder with a folder for each person, for an album; may be given again (in the folder of {DATA})",
    )  # fmt: skip
    parser.add_argument(
        "--held-out", type=_share, default=0.0, metavar="SHARE",
        help="of an album's people: they do not live in the city, and its calibration is measured on them (0)",
    )  # fmt: skip
    parser.add_argument(
        "--bank", type=Path, default=FOLDER, metavar="DIR", help="where what is seen of photos is kept (build/faces)"
    )
    parser.add_argument("--work", type=Path, metavar="DIR", help="where temporary files go (the folder itself)")
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


def _register(text: str) -> Path | None:
    if text == "none":
        return None
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError("give a CSV with columns lat and lon, or none")
    return Path(text)


if __name__ == "__main__":
    sys.exit(main())
