"""The systemd units: each long-running command has one, it starts the right thing, and it gives rights away."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pyseccomp
import pytest

from central.__main__ import _parser
from central.search.frames import read_frame
from central.search.job import Hello, event_from_bytes
from central.search.socket_link import Connected

UNITS = Path(__file__).parent.parent.parent / "central" / "units"
SERVICES = {
    "cairn-centre.service": "serve",
    "cairn-ingest.service": "ingest",
    "cairn-probes.service": "probes",
    "cairn-authority@.service": "authority serve",
    "cairn-witness.service": "audit witness",
}
WORKER = "cairn-search@.service"
SWITCHED_ON = (
    "NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "ProtectClock", "ProtectHostname",
    "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "ProtectControlGroups", "RestrictNamespaces",
    "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality", "MemoryDenyWriteExecute",
)  # fmt: skip


def settings(name: str) -> dict[str, list[str]]:
    """Every KEY=VALUE of a unit; a key may stand several times."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in (UNITS / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


def test_each_service_has_a_unit() -> None:
    """There are units for all long-running commands, and no others."""
    assert {path.name for path in UNITS.glob("*.service")} == {*SERVICES, WORKER}


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_starts_a_command_that_exists(name: str) -> None:
    """ExecStart is one of our commands with arguments that it takes."""
    (start,) = settings(name)["ExecStart"]
    program, *arguments = start.split()
    assert program == "/opt/cairn/bin/cairn-central"
    assert " ".join(arguments).startswith(SERVICES[name])
    assert _parser().parse_args(arguments).env_file


@pytest.mark.parametrize("name", [*SERVICES, WORKER])
def test_a_unit_gives_rights_away(name: str) -> None:
    """No privileges, no writable system, no core dump, nothing beyond ordinary system calls."""
    unit = settings(name)
    assert {key: unit[key] for key in SWITCHED_ON} == {key: ["yes"] for key in SWITCHED_ON}
    assert (unit["ProtectSystem"], unit["LimitCORE"], unit["CapabilityBoundingSet"]) == (["strict"], ["0"], [""])
    assert "~@privileged" in unit["SystemCallFilter"]


def test_a_search_worker_has_no_network_no_files_and_nobodys_rights() -> None:
    """What knows the released keys of a case reads and writes one connection, and reaches nothing else."""
    unit = settings(WORKER)
    assert (unit["StandardInput"], unit["StandardOutput"]) == (["socket"], ["socket"])
    assert (unit["PrivateNetwork"], unit["RestrictAddressFamilies"], unit["IPAddressDeny"]) == (
        ["yes"],
        ["none"],
        ["any"],
    )
    assert (unit["DynamicUser"], unit["LimitFSIZE"], unit["MemorySwapMax"]) == (["yes"], ["0"], ["0"])
    assert "-/var/lib/cairn" in unit["InaccessiblePaths"][0]
    assert unit["ExecStart"] == ["/opt/cairn/bin/cairn-central search"]
    listening = settings("cairn-search.socket")
    assert (listening["Accept"], listening["SocketMode"], listening["SocketUser"]) == (
        ["yes"], ["0600"], ["cairn-centre"],
    )  # fmt: skip


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_user_and_a_folder_of_its_own(name: str) -> None:
    """State is the user's own, and the network is all that it reaches."""
    unit = settings(name)
    assert unit["User"][0].startswith("cairn-")
    assert unit["StateDirectoryMode"] == ["0700"]
    assert set(unit["RestrictAddressFamilies"][0].split()) == {"AF_INET", "AF_INET6", "AF_UNIX"}


def test_an_authority_shares_nothing_with_another_service() -> None:
    """Each authority has a user and a folder of its own."""
    unit = settings("cairn-authority@.service")
    assert (unit["User"], unit["StateDirectory"]) == (["cairn-authority-%i"], ["cairn/authority-%i"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", [*SERVICES, WORKER])
def test_systemd_takes_the_unit(name: str, tmp_path: Path) -> None:
    """systemd itself finds nothing to complain of."""
    unit = tmp_path / name.replace("@", "@north")
    unit.write_text((UNITS / name).read_text().replace("/opt/cairn/bin/cairn-central", "/bin/true"))
    said = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)  # noqa: S607
    ours = [line for line in said.stderr.splitlines() if unit.name in line]
    assert (said.returncode, ours) == (0, []), said.stderr


CONFINED = """
import errno, runpy, sys, pyseccomp
rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
for name in sys.argv.pop(1).split(","):
    rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
rules.load()
runpy.run_module("central", run_name="__main__")
"""


def calls_of(group: str) -> set[str]:
    """The system calls that systemd counts to one of its groups, with the groups in it."""
    command = ["systemd-analyze", "syscall-filter", group]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names = {line.strip() for line in said.splitlines()[1:] if not line.strip().startswith("#")} - {""}
    inside = [calls_of(name) for name in names if name.startswith("@")]
    return {name for name in names if not name.startswith("@")}.union(*inside)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_a_search_worker_needs_none_of_the_calls_that_its_unit_denies() -> None:
    """It is handed its memory and says hello where all other calls fail, as under the service manager."""
    allowed = set[str]()
    for value in settings(WORKER)["SystemCallFilter"]:
        groups, denies = value.removeprefix("~").split(), value.startswith("~")
        calls = set[str]().union(*(calls_of(name) if name.startswith("@") else {name} for name in groups))
        allowed = allowed - calls if denies else allowed | calls
    denied = {name for name in calls_of("@known") - allowed if _known(name)}
    assert {"socket", "getsockname", "ptrace"} <= denied
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-c", CONFINED, ",".join(sorted(denied)), "search"]
        worker = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.PIPE)
    link = Connected(ours)
    said = read_frame(link.stdout)
    link.hang_up()
    _, complaints = worker.communicate(timeout=30)
    assert said, complaints.decode()
    assert isinstance(event_from_bytes(said)[1], Hello)


def _known(call: str) -> bool:
    """Whether this machine has that call."""
    try:
        return bool(pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, call) >= 0)
    except (OSError, ValueError):
        return False
