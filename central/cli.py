"""What the commands have in common: how they are declared, where their settings come from, what they print."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Groups: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Row = Mapping[str, Any]
Answer = Row | Sequence[Row] | None
Run = Callable[[argparse.Namespace], Answer]


def command(groups: Groups, name: str, run: Run, about: str, examples: str) -> argparse.ArgumentParser:
    """A subcommand that answers something, in words or with --json."""
    parser = groups.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        epilog=f"example:\n  {examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="answer with JSON")
    parser.set_defaults(run=run)
    return parser


def group(groups: Groups, name: str, about: str) -> Groups:
    """A noun whose verbs follow."""
    return groups.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".").add_subparsers(
        metavar="COMMAND", required=True
    )


def env_file(parser: argparse.ArgumentParser, prefix: str) -> None:
    """Settings come from the environment or from this file; the environment wins."""
    parser.add_argument("--env-file", type=Path, metavar="FILE", help=f"settings, one {prefix}NAME=value a line")


def add_engine(parser: argparse.ArgumentParser, default: str) -> None:
    """Where shards are searched; see central.search.engines."""
    about = "search on this machine's cores, or on a Ray cluster's machines (pip install 'cairn-central[ray]')"
    parser.add_argument("--engine", choices=("local", "ray"), help=f"{about}; {default}")


def say(words: str) -> None:
    """Progress, beside the answer and never in it."""
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


def shown(answer: Answer, *, as_json: bool) -> str:
    """An answer as text: a table for rows, a line a value otherwise."""
    if as_json:
        return json.dumps(answer, default=str, ensure_ascii=False)
    if answer is None:
        return ""
    if isinstance(answer, Mapping):
        return "\n".join(f"{name}: {_words(value)}" for name, value in answer.items())
    return _table(answer) or "(none)"


def _table(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    lines = [list(rows[0]), *([_words(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _words(value: object) -> str:
    if value in (None, [], ""):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(_words(part) for part in value)
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_words(part)}" for name, part in value.items())
    return str(value)
