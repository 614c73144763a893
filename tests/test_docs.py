"""Documentation is checked by code: a command, a target or a word that nobody can look up is an error."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import central.__main__
import edge.__main__
import provisioning.__main__

ROOT = Path(__file__).parent.parent
PARSERS = {
    "cairn-edge": edge.__main__._parser(),
    "cairn-central": central.__main__._parser(),
    "cairn-provision": provisioning.__main__._parser(),
}
ROOMS = ("edge", "central", "provisioning")
README = (ROOT / "README.md").read_text()
UNITS = sorted(ROOT.glob("*/units/*.service"))


def _below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands directly below one."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= action.choices
    return found


def _commands(path: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """(full name, parser) of every command that does something."""
    below = _below(parser)
    if not below:
        yield path, parser
    for name, child in below.items():
        yield from _commands(f"{path} {name}", child)


COMMANDS = dict(found for name, parser in PARSERS.items() for found in _commands(name, parser))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_shown_by_example(command: str) -> None:
    """A command is used, as it is typed, in the README or in the example of its --help, and says what it does."""
    parser = COMMANDS[command]
    assert parser.description, f"{command} --help does not say what it does"
    shown = README + (parser.epilog or "")
    assert re.search(rf"{re.escape(command)}\b", shown), f"show how to type {command!r} in its epilog or in README.md"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained_or_explains_itself(command: str) -> None:
    """An option that is not required says in --help what it does."""
    silent = [
        action.option_strings[0]
        for action in COMMANDS[command]._actions
        if action.option_strings and not action.required and not action.help
    ]
    assert not silent, f"{command}: give these a help text"


def test_commands_that_the_documents_name_exist() -> None:
    """Nobody is sent to a command that is not there: neither by the README nor by a hint in the code."""
    texts = [README, *(path.read_text() for room in ROOMS for path in _code(room))]
    named = {match for text in texts for match in re.findall(r"\bcairn-(?:edge|central|provision) [a-z][a-z-]*", text)}
    known = {f"{name} {child}" for name, parser in PARSERS.items() for child in _below(parser)}
    assert named <= known


def _code(room: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", f"{room}/*.py"],  # noqa: S607
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    return [ROOT / name for name in listed if (ROOT / name).exists()]


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_every_unit_starts_a_command_that_exists(unit: Path) -> None:
    """What systemd runs is an installed command, with arguments that it takes."""
    lines = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    assert lines, f"{unit.name} starts nothing"
    for line in lines:
        program, *arguments = shlex.split(line.removeprefix("ExecStart=").lstrip("-+!:@"))
        command = Path(program).name
        assert command in _scripts(), f"{unit.name} starts {command}, which no room installs"
        arguments = ["2026-01-01" if word.startswith("%") else word for word in arguments]
        PARSERS[command].parse_args(arguments)


def test_every_unit_is_confined() -> None:
    """No service may gain rights, write where it likes, leave a core dump, or stay down after it fell."""
    for unit in UNITS:
        text = unit.read_text()
        for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "LimitCORE=0", "UMask=0077"):
            assert line in text, f"{unit.name} lacks {line}"
        by_socket = unit.with_name(unit.name.replace("@.service", ".socket")).exists()
        assert by_socket or "Type=oneshot" in text or "Restart=" in text, f"{unit.name} stays down when it falls"


def _scripts() -> set[str]:
    rooms = ("edge", "central", "provisioning")
    return {
        name
        for room in rooms
        for name in tomllib.loads((ROOT / room / "pyproject.toml").read_text())["project"]["scripts"]
    }


def test_words_stand_in_order_and_once() -> None:
    """Whoever looks a word up finds it where it belongs, with a meaning."""
    rows = [
        line.strip("|").split("|") for line in (ROOT / "GLOSSARY.md").read_text().splitlines() if line.startswith("|")
    ]
    words = [row[0].strip() for row in rows[2:]]
    assert words == sorted(set(words), key=str.casefold)
    assert all(row[1].strip() for row in rows)


def test_a_bare_make_lists_every_target() -> None:
    """Each target says what it does, and `make` alone shows it."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())  # type: ignore[index]
    # Within `make test`, make says which folder it enters: that is left to the outer one.
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    shown = subprocess.run(["make"], cwd=ROOT, env=alone, capture_output=True, text=True, check=True).stdout  # noqa: S607
    assert targets == {line.split()[0] for line in shown.splitlines() if len(line.split()) > 1}


def test_the_readme_names_targets_and_files_that_exist() -> None:
    """No link and no `make` line of the README leads nowhere."""
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"there is no make {target}"
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), f"{link} is not there"


def test_decisions_are_dated_and_in_order() -> None:
    """Each decision begins with its day, and later ones stand below."""
    days = re.findall(r"^\*\*(\d{4}-\d{2}-\d{2}) · \S", (ROOT / "DECISIONS.md").read_text(), re.MULTILINE)
    assert days
    assert days == sorted(days)
