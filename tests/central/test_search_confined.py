"""Acceptance test 8: whatever code ran in a search worker, it could write, open, start and dump nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from central.search.dispatch import SearchWorker
from central.search.job import Found
from tests.central.authority_fixtures import World, some_faces
from tests.central.test_search import job_for

# What somebody would try who had got code of theirs into a worker. Each must end in an error.
ATTEMPTS = {
    "write a file": "open(folder + '/written', 'wb').write(b'x')",
    "write beside what is open": "os.open(folder + '/written', os.O_CREAT | os.O_RDWR)",
    "write over a file": "os.open(folder + '/there', os.O_WRONLY)",
    "truncate a file": "os.truncate(folder + '/there', 0)",
    "delete a file": "os.unlink(folder + '/there')",
    "rename a file": "os.rename(folder + '/there', folder + '/gone')",
    "make a link": "os.symlink('/', folder + '/link')",
    "make a folder": "os.mkdir(folder + '/made')",
    "read a file": "open(folder + '/there').read()",
    "read another's memory": "os.open(f'/proc/{parent}/mem', os.O_RDONLY)",
    "keep memory in a file without a name": "os.memfd_create('kept')",
    "open a pipe": "os.pipe()",
    "duplicate a stream": "os.dup(1)",
    "open an internet socket": "socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "open a local socket": "socket.socket(socket.AF_UNIX)",
    "make a pair of sockets": "socket.socketpair()",
    "look a name up": "socket.create_connection(('127.0.0.1', 9), 1)",
    "fork": "os.fork()",
    "start a program": "os.execv(sys.executable, [sys.executable, '-c', '1'])",
    "spawn a program": "os.posix_spawn(sys.executable, [sys.executable, '-c', '1'], {})",
    "trace its parent": "checked(libc.ptrace(16, parent, 0, 0))",
    "read its parent's memory": "checked(libc.process_vm_readv(parent, ctypes.byref(vec), 1, ctypes.byref(vec), 1, 0))",
    "be dumpable again": "checked(libc.prctl(4, 1, 0, 0, 0))",
    "raise the limit on core dumps": "resource.setrlimit(resource.RLIMIT_CORE, (1, 1))",
    "raise the limit on files": "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
    "mount something": "checked(libc.mount(b'none', folder.encode(), b'tmpfs', 0, 0))",
    "leave its namespaces": "checked(libc.unshare(0x10000000))",
    "end its parent": "os.kill(parent, 0)",
    "share memory": "checked(libc.shmget(0, 4096, 0o1600))",
}
REHEARSED = """
import ctypes, json, os, resource, signal, socket, sys
from central.search import worker

folder, parent, attempts = sys.argv[1], os.getppid(), json.loads(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
vec = (ctypes.c_size_t * 2)(0, 0)

def checked(answer):
    if answer < 0:
        raise OSError(ctypes.get_errno(), "refused")

compiled = {name: compile(code, name, "eval") for name, code in attempts.items()}
worker.rehearse(worker.search)
"""
GIVEN_UP = "protections = worker.give_up_rights()\n"
TRY_ALL = """
said = {"in force": protections.in_force, "lacking": protections.lacking}
for name, code in compiled.items():
    try:
        eval(code)
        said[name] = "done"
    except OSError as error:
        said[name] = "refused"
    except ValueError:
        said[name] = "refused"
os.write(1, json.dumps(said).encode())
"""
NOBODY = 65534


def confined(
    folder: Path, after: str, attempts: Collection[str] = ATTEMPTS, before: str = "", between: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """Run code where a worker is after it gave up its rights, and before it has seen a key."""
    root, tried = str(Path(__file__).parents[2]), {name: ATTEMPTS[name] for name in attempts}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    code = before + REHEARSED + between + GIVEN_UP + after
    arguments = [sys.executable, "-B", "-c", code, str(folder), json.dumps(tried)]
    return subprocess.run(
        arguments, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that anybody may write to, with a file in it."""
    made = tmp_path / "open"
    made.mkdir()
    made.chmod(0o777)
    (made / "there").write_text("untouched")
    (made / "there").chmod(0o666)
    return made


def test_nothing_that_is_tried_in_a_worker_works(folder: Path) -> None:
    """No file, socket, process, trace, dump or way out; and the folder is as it was."""
    done = confined(folder, TRY_ALL)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    if "system calls filtered" not in said["in force"]:
        pytest.skip("this kernel or machine has no seccomp; the limits are tested below")
    assert {name: said[name] for name in ATTEMPTS} == dict.fromkeys(ATTEMPTS, "refused")
    assert [path.name for path in folder.iterdir()] == ["there"]
    assert (folder / "there").read_text() == "untouched"


def test_the_limits_alone_keep_files_and_sockets_away(folder: Path) -> None:
    """Where libseccomp is missing, nothing can be opened or written either, and the lack is told."""
    (folder.parent / "pyseccomp.py").write_text("raise RuntimeError('Unable to find libseccomp')")
    opening = [name for name in ATTEMPTS if name.startswith(("open", "write", "read a", "look", "make a pair"))]
    without = f"import sys\nsys.path.insert(0, {str(folder.parent)!r})\n"
    done = confined(folder, TRY_ALL, opening, before=without)
    said = json.loads(done.stdout)
    assert "system calls filtered" in said["lacking"]
    assert b"system calls filtered" in done.stderr
    assert {name: said[name] for name in opening} == dict.fromkeys(opening, "refused")
    assert (folder / "there").read_text() == "untouched"


def test_a_crash_of_the_worker_itself_dumps_no_core(folder: Path) -> None:
    """SIGSEGV in its own code ends it without a core, in the folder where cores would go."""
    allowed = (
        "hard = resource.getrlimit(resource.RLIMIT_CORE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))\nos.chdir(folder)\n"
    )
    done = confined(folder, "ctypes.string_at(0)", between=allowed)
    assert done.returncode == -signal.SIGSEGV
    assert [path.name for path in folder.iterdir()] == ["there"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_worker_of_an_ordinary_user_is_confined_as_well(folder: Path) -> None:
    """Without any right to begin with, every attempt is refused too."""
    nobody = f"import pyseccomp\nos.setgroups([])\nos.setgid({NOBODY})\nos.setuid({NOBODY})\n"
    done = confined(folder, TRY_ALL, between=nobody)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    tried = {name: said[name] for name in ATTEMPTS}
    assert "system calls filtered" in said["lacking"] or tried == dict.fromkeys(ATTEMPTS, "refused")
    assert {"no core dump", "no file written", "nothing opened", "no process"} <= set(said["in force"])


def test_a_real_worker_answers_with_candidates_and_tells_its_protections(tmp_path: Path) -> None:
    """The limits stand while it searches, and what it says at the end is candidates alone."""
    world = World(tmp_path)
    world.register(some_faces(1))
    with SearchWorker() as worker:
        limits = Path(f"/proc/{worker.pid}/limits").read_text().splitlines()
        status = Path(f"/proc/{worker.pid}/status").read_text()
        events = list(worker.run(job_for(world, worker.public), [world.batch(some_faces(3))]))
    (files,) = [line.split()[-3:-1] for line in limits if line.startswith("Max open files")]
    assert files == ["3", "3"]
    assert "NoNewPrivs:\t1" in status
    assert "system calls filtered" in worker.lacking or "Seccomp:\t2" in status
    assert isinstance(events[-1], Found)
    assert [one.sighting for one in events[-1].candidates] == ["node-1/1/0"]
