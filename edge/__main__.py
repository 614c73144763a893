"""The command `cairn-edge`: run a box, try it on a video, make a patient's template."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from edge.calibrate.command import add_parser as add_calibrate
from shared.errors import CairnError

_REFUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 refused with a message and a hint on standard error."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        command: Callable[[argparse.Namespace], None] = options.command
        command(options)
    except CairnError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return _REFUSED
    except KeyboardInterrupt:
        return 130
    return 0


def run(options: argparse.Namespace) -> None:
    """Run the box until it is told to stop, or until its recording is over and the centre has everything."""
    from edge.model_vision import ModelVision
    from edge.runner import Runner
    from edge.settings import load_settings
    from edge.stopping import stopped_by_signals
    from edge.watching import Patience
    from shared.clock import SystemClock
    from shared.transport.mqtt import MqttSettings, MqttTransport

    settings = load_settings(options.config)
    broker = settings.broker
    mqtt = MqttSettings(broker.host, broker.port, settings.node.id, broker.ca, broker.certificate, broker.key)
    patience = Patience(options.wait_for_keys, options.wait_for_acks)
    runner = Runner(settings, ModelVision.load(), SystemClock(), lambda will: MqttTransport(mqtt, will), patience)
    with stopped_by_signals(runner.stop) as asked_to_stop:
        try:
            runner.run()
        finally:
            print(runner.outcome.to_json() if options.json else runner.outcome, flush=True)
    if signal.SIGINT in asked_to_stop:
        raise KeyboardInterrupt
    if not asked_to_stop:
        runner.outcome.check()


def process(options: argparse.Namespace) -> None:
    """Print what a box would send of a recording, in words; needs no keys and no network, and stores nothing."""
    from edge.process import process as run_trial

    run_trial(options)


def register(options: argparse.Namespace) -> None:
    """Write a patient's sealed template to a new file."""
    from edge.model_vision import ModelVision
    from edge.register import register as make_template
    from shared.keys import sealing_public

    probe_key, photos = sealing_public(_read(options.probe_key)), [*options.photo, *options.photos]
    sealed = make_template(photos, options.case, probe_key, ModelVision.load(), options.full_length)
    try:
        with options.out.open("xb") as file:
            file.write(sealed)
    except OSError as error:
        hint = "name a new file in a folder that exists"
        raise CairnError(f"cannot write {options.out}: {error.strerror}", hint=hint) from None
    worn = " and the clothes of the day" if options.full_length else ""
    print(f"the template of case {options.case} from {len(photos)} photos{worn} is in {options.out}")
    print(f"the approver is shown the same digest: {sha256(sealed).hexdigest()[:16]}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cairn-edge", description=__doc__)
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    sub = _command(commands, "run", run, "cairn-edge run /etc/cairn/edge.toml")
    sub.add_argument("config", type=Path, help="the settings of this box, TOML")
    sub.add_argument("--json", action="store_true", help="say at the end what became of everything in JSON")
    _seconds(sub, "--wait-for-keys", "at the start, for the authorities' grants; then go on and count what is lost")
    _seconds(sub, "--wait-for-acks", "after a recording, for the centre to have it all; Ctrl-C ends it")

    sub = _command(commands, "process", process, "cairn-edge process walk.mp4 --json --stride 2")
    sub.add_argument("video", type=Path, help="a video file, or a folder of pictures")
    sub.add_argument("--json", action="store_true", help="one JSON object a line")
    sub.add_argument("--start", type=_moment, default=datetime(2000, 1, 1, tzinfo=UTC), help="time of the first frame")
    sub.add_argument("--fps", type=float, default=0.0, help="frames a second; 0 takes the video's own")
    sub.add_argument("--stride", type=int, default=1, help="look at every n-th frame only")

    add_calibrate(commands)

    example = "cairn-edge register --case case-7 --probe-key probes.pub --out case-7.template --photo front.jpg"
    sub = _command(commands, "register", register, example)
    sub.add_argument("--case", required=True, help="the case that the patient consented to")
    sub.add_argument("--probe-key", required=True, type=Path, help="public key of the probe service, 32 raw bytes")
    sub.add_argument("--out", required=True, type=Path, help="a new file for the sealed template")
    alone = "a picture that shows the patient's face and no other; again for more, up to five"
    sub.add_argument("--photo", action="append", default=[], type=Path, metavar="PHOTO", help=alone)
    standing = "the patient from head to foot in the clothes of the day, for a consent that covers them"
    sub.add_argument("--full-length", type=Path, metavar="PICTURE", help=standing)
    sub.add_argument("photos", nargs="*", type=Path, metavar="PHOTO", help="photos, as with --photo")
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    function: Callable[[argparse.Namespace], None],
    example: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=function.__doc__, description=function.__doc__, epilog=f"example: {example}"
    )
    parser.set_defaults(command=function)
    return parser


def _seconds(parser: argparse.ArgumentParser, name: str, help_: str) -> None:
    parser.add_argument(name, type=float, default=60.0, metavar="SECONDS", help=f"how long to wait {help_}")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("a time needs a zone, such as 2026-11-24T09:00:00+09:00")
    return moment


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CairnError(f"cannot read {path}: {error.strerror}", hint="check the path") from None


if __name__ == "__main__":
    sys.exit(main())
