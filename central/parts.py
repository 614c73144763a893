"""The offices that the centre asks, and its store, as the settings name them."""

from __future__ import annotations

from sqlalchemy import Engine

from central.authority.client import AuthorityClient, client
from central.batches.opening import batch_store
from central.probes.client import ProbeClient
from central.search.case_search import SearchParts
from central.search.engines import engine_named
from central.settings import CentreSettings


def make_parts(settings: CentreSettings, engine: Engine) -> SearchParts:
    """Clients of every office; nobody is asked yet."""
    authorities = [AuthorityClient(name, client(url, settings.tls)) for name, url in settings.authorities.items()]
    probes = ProbeClient(client(settings.probes, settings.tls))
    store = batch_store(engine, settings.archive)
    searching = engine_named(settings.engine, engine, settings.archive, settings.ray)
    return SearchParts(authorities, probes, store, settings.search_socket, engine=searching)
