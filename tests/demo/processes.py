"""The demo's other programs: started with a log each, watched, and stopped in reverse order whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from shared.errors import CairnError

ROOT: Final = Path(__file__).parent.parent.parent
BIN: Final = Path(sys.executable).parent
_SECRET_OPTIONS: Final = ("--token",)
_GRACE_S: Final = 15.0


class DemoFailed(CairnError):
    """Something went wrong in the demonstration; the hint says where to look and what to type."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and whether it refused (exit status 2)."""

    out: str
    err: str
    refused: bool


@dataclass(frozen=True, slots=True)
class Child:
    """A running program and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Children:
    """Every program that was started and must not outlive the demo."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: list[Child] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, *arguments: str | Path) -> Child:
        """Start a program that keeps running. It does not hear the terminal's Ctrl-C: the demo stops it."""
        log = self._logs / f"{name}.log"
        with uninterrupted(), log.open("ab") as output:
            process = subprocess.Popen(
                [str(part) for part in arguments], cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
            return self.adopt(name, process, log)

    def adopt(self, name: str, process: subprocess.Popen[bytes], log: Path) -> Child:
        """Stop this one too, which somebody else started."""
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def check(self) -> None:
        """Raises DemoFailed when one has ended with an error."""
        for child in self._children:
            if child.process.poll():
                raise failed(child)

    def finish(self, child: Child) -> None:
        """Wait for a program that ends by itself. Raises DemoFailed when it failed."""
        if child.process.wait():
            raise failed(child)
        self._children.remove(child)

    def stop(self) -> None:
        """Ask all to end, the last started first; who does not within a while is killed."""
        with uninterrupted():
            self._stop()

    def _stop(self) -> None:
        ending = [self._children.pop() for _ in range(len(self._children))]
        for child in ending:
            child.process.terminate()
        end = monotonic() + _GRACE_S
        for child in ending:
            try:
                child.process.wait(max(0.1, end - monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()

    def command(self, *arguments: str | Path, refusal: str = "", typed: str = "") -> Answer:
        """Run a command to its end, as a person would type it.

        With `refusal`, it must refuse and name that error. Raises DemoFailed with what it said otherwise.
        """
        words = [str(part) for part in arguments]
        done = subprocess.run(
            words, cwd=ROOT, env=environment(), input=typed, capture_output=True, text=True, start_new_session=True,
            check=False,
        )  # fmt: skip
        shown = without_secrets(words)
        with (self._logs / "commands.log").open("a") as log:
            log.write(f"$ {shown}\n{done.stderr}exit {done.returncode}\n")
        answer = Answer(done.stdout, done.stderr, done.returncode == 2)
        if refusal and not (answer.refused and refusal in answer.err):
            raise DemoFailed(f"{shown} was not refused with {refusal}: {done.stderr}", hint="this must never happen")
        if not refusal and done.returncode:
            raise DemoFailed(f"{shown} failed: {done.stderr.strip()}", hint=f"look into {self._logs / 'commands.log'}")
        return answer


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the end: a program that is started and not yet noted would outlive the demo."""
    if threading.current_thread() is not threading.main_thread():  # Python interrupts the main thread only
        yield
        return
    held: list[int] = []
    before = {
        number: signal.signal(number, lambda caught, _: held.append(caught))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held:
        signal.raise_signal(held[0])


def failed(child: Child) -> DemoFailed:
    """What to say of a program that ended with an error: its last words, and where the rest is."""
    tail = "\n".join(f"    {line}" for line in child.log.read_text("utf-8", "replace").splitlines()[-8:])
    message = f"{child.name} ended with status {child.process.returncode}; its last words were\n{tail}"
    return DemoFailed(message, hint=f"type: less {child.log}")


def without_secrets(words: Sequence[str]) -> str:
    """A command line that may be written down."""
    kept = ["…" if before in _SECRET_OPTIONS else word for before, word in zip(["", *words[:-1]], words, strict=True)]
    return " ".join([Path(kept[0]).name, *kept[1:]])


def environment() -> Mapping[str, str]:
    """One thread a program: many run at once. Settings of the person's own, such as CAIRN_API, are not for the demo."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CAIRN_")}
    return kept | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
