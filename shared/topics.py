"""The topics on the broker. A node's name is in each of its topics, so that the broker's ACL can hold it to its own."""

from __future__ import annotations

from shared.errors import BadInput
from shared.ids import check_id

ROOT = "cairn/v1/nodes"
EVERY_BATCH = f"{ROOT}/+/batches"
EVERY_HEALTH = f"{ROOT}/+/health"


def batches(node: str) -> str:
    """A node sends sealed batches here."""
    return f"{ROOT}/{check_id(node, 'node')}/batches"


def acks(node: str) -> str:
    """The centre acknowledges here what is durable."""
    return f"{ROOT}/{check_id(node, 'node')}/acks"


def health(node: str) -> str:
    """A node's birth, state and death; retained."""
    return f"{ROOT}/{check_id(node, 'node')}/health"


def grants(node: str, authority: str) -> str:
    """An authority leaves a node's shares of the coming hours here; retained, sealed to the node."""
    return f"{ROOT}/{check_id(node, 'node')}/grants/{check_id(authority, 'authority')}"


def node_of(topic: str) -> str:
    """The node that a topic belongs to. Raises BadInput for a topic that is none of ours."""
    parts = topic.split("/")
    if len(parts) < 5 or "/".join(parts[:3]) != ROOT:
        raise BadInput(f"{topic[:60]!r} is not a node's topic", hint=f"topics begin with {ROOT}/NODE/")
    return check_id(parts[3], "node")
