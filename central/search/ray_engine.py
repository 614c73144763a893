"""Shards searched on the machines of a Ray cluster. The only place that imports Ray; without it there is the local one.

A shard is an actor of its own on one machine, which reads the batches where they lie and is killed at the end. What Ray
carries is sealed (see ray_machine). Whoever may start programs on the cluster may read what its machines' processes
hold, as on the centre's own machine: so Ray must ask for a token or a certificate, or it is refused.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.errors import BadSettings, ServiceDown
from central.search.dispatch import SearchFailed
from central.search.engine import Batches, Wanted
from central.search.job import Event, Job, event_from_bytes
from central.search.ray_machine import TO_CENTRE, TO_MACHINE, VERSION, Machine, failure, request_to_bytes
from shared.errors import BadInput
from shared.keys import open_sealed, seal_to, sealing_public
from shared.wire import unpack

log = logging.getLogger(__name__)

_STARTS_WITHIN_S = 60.0
_ANSWERS_WITHIN_S = 5.0
_AVOIDED_S = 60.0
_ENDED_HINT = "Look at Ray's logs on its machines, and search again."


class MachineLost(SearchFailed):
    """A machine's search ended without a word: its process died, or the whole machine."""


class RayEngine:
    """`database` and `archive` are the addresses under which every machine reaches the batches; `address` is the
    cluster's, host:port, or empty for one on this machine alone, with `workers` cores, or all.

    Raises BadSettings where Ray is not installed or asks nobody who he is, ServiceDown where it does not answer.
    """

    ahead = False  # Ray gives a core to one actor only

    def __init__(self, database: str, archive: str = "", address: str = "", workers: int = 0) -> None:
        self._ray = _ray(address)
        _check(address)
        self._store = database, archive
        self._lost: dict[str, float] = {}
        _connect(self._ray, address, workers or len(os.sched_getaffinity(0)))

    @property
    def workers(self) -> int:
        return len(self._places())

    @contextmanager
    def started(self, place: int) -> Iterator[RayWorker]:
        """On the place's machine if that is there and has a core free, else on another."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415  (see _ray)

        places = self._places()
        machine = places[place % len(places)]
        where = NodeAffinitySchedulingStrategy(machine, soft=True)
        # Ray itself repeats nothing: a pass knows what it has heard, and searches a shard again that was lost.
        options = {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0, "max_concurrency": 2}
        actor = self._ray.remote(Machine).options(**options, scheduling_strategy=where).remote()
        try:
            yield RayWorker(self._ray, actor, self._store)
        except MachineLost:
            self._lost[machine] = monotonic()
            raise
        finally:
            self._ray.kill(actor, no_restart=True)

    def _places(self) -> list[str]:
        now = monotonic()
        places = places_of(self._ray.nodes(), {name for name, at in self._lost.items() if now - at < _AVOIDED_S})
        if not places:
            raise ServiceDown("no machine of Ray's has a core", hint="start one with ray start")
        return places


def places_of(nodes: Sequence[dict[str, Any]], lost: Collection[str]) -> list[str]:
    """A machine's name for each of its cores, machine by machine. Ray takes half a minute to see that one is gone, and
    sends it work until then: those that were lost just now are left out, if there are others."""
    cores = {node["NodeID"]: int(node["Resources"].get("CPU", 0)) for node in nodes if node["Alive"]}
    places = [name for name in sorted(cores) for _ in range(cores[name])]
    return [name for name in places if name not in lost] or places


class RayWorker:
    """The centre's side of one Machine. Raises MachineLost when it does not start, BadSettings when it is another
    version's."""

    def __init__(self, ray: Any, actor: Any, store: tuple[str, str]) -> None:
        self._ray, self._actor, self._store = ray, actor, store
        self._private, self._cancelled = X25519PrivateKey.generate(), threading.Event()
        with self._told():
            hello = unpack(ray.get(actor.hello.remote(), timeout=_STARTS_WITHIN_S), BadInput, "a machine's hello")
        theirs, machine, self.public, lacking, self.pids = hello
        if theirs != VERSION:
            what = f"A machine of Ray's has version {theirs}, and this is {VERSION}."
            raise BadSettings(what, hint="install the same version on every machine")
        self._machine, self.lacking = sealing_public(machine), tuple(lacking)

    def search(self, jobs: list[Job], batches: Batches, wanted: Wanted) -> Iterator[tuple[int, Event]]:
        expected, told = set(range(len(jobs))), set[int]()
        centre = self._private.public_key().public_bytes_raw()
        sealed = seal_to(self._machine, TO_MACHINE, request_to_bytes(jobs, batches, self._store, centre))
        said = self._actor.search.options(num_returns="streaming").remote(sealed)
        del sealed
        while (lot := self._next(said)) is not None:
            for raw in lot["events"]:
                yield event_from_bytes(raw)
            if "failed" in lot:
                raise failure(lot["failed"])
            for place in sorted(at for at in expected - told if not wanted(at)):
                told.add(place)
                self._actor.ended.remote(place)

    def cancel(self) -> None:
        self._cancelled.set()
        self._ray.kill(self._actor, no_restart=True)

    def _next(self, said: Any) -> dict[str, Any] | None:
        with self._told():
            try:
                sealed: bytes = self._ray.get(next(said))  # the reference is gone at once, and with it Ray's copy
            except StopIteration:
                return None
        lot: dict[str, Any] = unpack(open_sealed(self._private, TO_CENTRE, sealed), BadInput, "a machine's words")
        return lot

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._ray.exceptions.RayError as error:
            if self._cancelled.is_set():
                hint = "Start the search again."
                raise SearchFailed("The search was stopped before it had an answer.", hint=hint) from None
            log.warning("Ray lost a machine's search: %s", type(error).__name__)
            raise MachineLost("A machine's search ended without an answer.", hint=_ENDED_HINT) from None


def _check(address: str) -> None:
    """Ray itself takes minutes to find that nobody listens."""
    host, _, port = address.rpartition(":")
    if not address:
        return
    if not host or "/" in host or not port.isdecimal():
        raise BadSettings(f"{address!r} is no address of a Ray cluster", hint="write HOST:PORT, as ray start shows it")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWERS_WITHIN_S).close()
    except (OSError, OverflowError):
        hint = "start Ray there with ray start --head, or take the local engine"
        raise ServiceDown(f"no Ray cluster answers at {address}", hint=hint) from None


def _ray(address: str) -> Any:
    """The library, told to report to nobody and, on this machine, to ask for a token that nobody else knows."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    guarded = os.environ.get("RAY_AUTH_MODE") == "token" or os.environ.get("RAY_USE_TLS") == "1"
    if address and not guarded:
        hint = "set RAY_AUTH_MODE=token, or RAY_USE_TLS=1 with its certificates, here and for ray start"
        raise BadSettings("a Ray cluster that lets anybody in may not search", hint=hint)
    if not guarded:  # Ray listens on every network of the machine
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    try:
        import ray  # noqa: PLC0415  (half a second, and not everybody has it)
        import ray.exceptions  # noqa: PLC0415
    except ImportError:
        hint = "pip install 'cairn-central[ray]', or take the local engine"
        raise BadSettings("Ray is not installed here", hint=hint) from None
    return ray


def _connect(ray: Any, address: str, workers: int) -> None:
    if ray.is_initialized():
        return
    quiet = {"log_to_driver": False, "configure_logging": False, "namespace": "cairn"}
    where: dict[str, Any] = {"address": address} if address else {
        "num_cpus": workers, "include_dashboard": False, "_node_ip_address": "127.0.0.1"
    }  # fmt: skip
    try:
        ray.init(**where, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, ray.exceptions.RayError) as error:
        hint = "look whether ray status answers there, with the same token or certificates and the same version of Ray"
        raise ServiceDown(f"Ray does not answer: {type(error).__name__}", hint=hint) from None
