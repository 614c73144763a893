"""What holds for every test."""

from __future__ import annotations

import gc
import os
import signal
from tempfile import gettempdir

import pytest
from hypothesis import settings

from central.authority import kek
from tests.folders import quick_folder
from tests.postgres import database_url, on_postgres, postgres, postgres_url

__all__ = ["database_url", "on_postgres", "postgres", "postgres_url"]  # fixtures

# A shell that starts tests in the background has Ctrl-C and SIGQUIT ignored in them, and so in every program that they
# start; several tests send them and expect them to be heard.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", os.environ.get("TMPDIR") or quick_folder(gettempdir()))  # of tmp_path

# Databases of tests are made by the hundred, under passphrases that everybody may know.
kek.SCRYPT_N = 2**10

# No test asserts a time: on a busy machine an example takes as long as it takes.
settings.register_profile("cairn", deadline=None)
settings.load_profile("cairn")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of whole systems first, which take longest: shared among cores, none waits for the last of them alone."""
    items.sort(key=lambda item: "system" not in item.path.parts)


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end: to look for garbage in it again and again took a sixth of all time."""
    gc.collect()
    gc.freeze()
