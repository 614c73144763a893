"""Opens an authority as its settings say; without its server, which none of its commands but `serve` has to load."""

from __future__ import annotations

from central.authority.service import Authority, AuthorityFiles
from central.authority.settings import AuthoritySettings
from central.authority.witnessing import witnesses_of
from central.cases.bases import load_bases
from shared.clock import SystemClock
from shared.errors import BadInput
from shared.keys import read_signing_key


def make_authority(settings: AuthoritySettings) -> Authority:
    """Open the authority's database; BadInput when a key or the passphrase is missing or a placeholder."""
    return Authority(files_of(settings), SystemClock())


def files_of(settings: AuthoritySettings) -> AuthorityFiles:
    """What the settings point to. BadInput when one of the keys cannot be read."""
    try:
        probes_public = settings.probes_public.read_bytes()
    except OSError as error:
        hint = "copy the public key that `cairn-central key sealing` wrote for the probe service"
        raise BadInput(f"cannot read {settings.probes_public}: {error.strerror}", hint=hint) from None
    return AuthorityFiles(
        name=settings.name,
        database=settings.database,
        passphrase_file=settings.passphrase_file,
        signing_key=read_signing_key(settings.signing_key),
        probes_public=probes_public,
        token=settings.token(),
        limits=settings.limits(),
        bases=load_bases(settings.legal_bases) if settings.legal_bases else load_bases(),
        witnesses=witnesses_of(settings),
        private=tuple(path for path in (settings.signing_key, settings.key, settings.witness_key) if path),
    )
