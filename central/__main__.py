"""cairn-central: the centre's services, and what people do with cases, accounts, boxes and authorities."""

from __future__ import annotations

import argparse
import importlib
import sys

from central.cli import Answer, shown
from shared.errors import CairnError

EXAMPLES = """examples:
  cairn-central key signing /etc/cairn/kim.key                        a person's own key; nobody else ever holds it
  cairn-central account add kim --role tracer --key kim.key.pub --token-file kim.token
  cairn-central node import fleet.json
  cairn-central serve --env-file /etc/cairn/centre.env
  cairn-central case open case-17 --purpose "…" --from 2026-11-22T00:00Z --until 2026-11-24T12:00Z --key kim.key
  cairn-central case route case-17

Every command has --help of its own. Refused commands exit with 2 and say what to do next.
"""
# Each part declares its own commands.
PARTS = (
    "central.services_command",
    "central.authority.command",
    "central.canaries.command",
    "central.cases.command",
    "central.consents.command",
    "central.routes.command",
    "central.testimony.command",
    "central.exports.command",
    "central.places.command",
    "central.accounts.command",
    "central.audit.command",
    "central.nodes.command",
    "central.reports.command",
    "central.statistics.command",
    "central.retention.command",
    "central.batches.command",
    "central.backups.command",
    "central.migrations.command",
    "central.calibration.command",
    "central.walking.command",
    "central.replay.command",
    "central.walk_test.command",
)


def main(arguments: list[str] | None = None) -> None:
    """Run one command: 0 when done, 2 when refused, with the reason and what to do next, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        answer: Answer = options.run(options)
    except CairnError as error:
        print(f"✗ {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("✗ stopped; nothing half-done is left", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(0) from None  # whoever read our answer has seen enough
    if text := shown(answer, as_json=getattr(options, "json", False)):
        print(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cairn-central", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    groups = parser.add_subparsers(metavar="COMMAND", required=True)
    for part in PARTS:
        importlib.import_module(part).add_parser(groups)
    return parser


if __name__ == "__main__":
    main()
