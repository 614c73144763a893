"""Where archives lie: a folder or an object store. The only place that imports fsspec.

A file appears under its name whole or not at all: in a folder it is written beside, synced and renamed; an object store
shows an object once all of it has arrived.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import urlsplit

from central.errors import BadSettings
from shared.errors import CairnError, TransportDown

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_PART = ".part"
_HINT = "write file:///absolute/folder or s3://bucket/folder"


class ArchiveDown(TransportDown):
    """The place of the archives does not answer or takes nothing just now; nothing was changed."""


class NoSuchArchive(CairnError):
    """The file of an archive is not in its place."""


class Place:
    """A folder of archives at `url`. Nothing is opened before it is used."""

    def __init__(self, url: str) -> None:
        self.url = check_url(url)
        self._made: tuple[AbstractFileSystem, str] | None = None

    def check(self) -> None:
        """Raises BadSettings and ArchiveDown for a place that cannot work, without asking anybody over the network."""
        self._there()

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """A file to write; it has its name once the block is left, and is gone if that is by an error."""
        (fs, root), what = self._there(), f"{name} cannot be written to {self.url}"
        if folder := self._folder():
            with _told(what, OSError), _beside(folder / name) as file:
                yield file
            return
        with _told(what):
            sent = fs.open(f"{root}/{name}", "wb")
        try:
            yield cast("IO[bytes]", _Sent(sent, what))
            with _told(what):
                sent.close()
        except BaseException:
            with suppress(Exception):  # whatever else fails now, what failed first is what is told
                sent.discard()
                fs.rm_file(f"{root}/{name}")
            raise

    def open(self, name: str) -> mmap.mmap | IO[bytes]:
        """To read: mapped into memory from a folder, else a seekable stream. Raises NoSuchArchive, ArchiveDown."""
        fs, root = self._there()
        with _told(f"{name} cannot be read from {self.url}"):
            try:
                if folder := self._folder():
                    with (folder / name).open("rb") as file:
                        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                return fs.open(f"{root}/{name}", "rb")  # type: ignore[no-any-return]
            except FileNotFoundError:
                hint = f"put it back into {self.url} from a copy; without one its batches are lost"
                raise NoSuchArchive(f"{name} is missing", hint=hint) from None
            except ValueError:  # nothing can be mapped of an empty file
                raise NoSuchArchive(f"{name} is empty", hint=f"put it back into {self.url} from a copy") from None

    def delete(self, name: str) -> None:
        """Harmless when it is gone already. What a crash left of its writing goes too."""
        fs, root = self._there()
        with _told(f"{name} cannot be deleted from {self.url}"):
            for one in (name, name + _PART):
                with suppress(FileNotFoundError):
                    fs.rm_file(f"{root}/{one}")
            if folder := self._folder():
                _sync_folder(folder)

    def names(self) -> list[str]:
        """All files that are there, also half-written ones."""
        fs, root = self._there()
        with _told(f"{self.url} cannot be listed"):
            try:
                found = fs.ls(root, detail=False, refresh=True)
            except FileNotFoundError:
                return []
        return sorted(str(one).rsplit("/", 1)[-1] for one in found)

    def size(self, name: str) -> int:
        fs, root = self._there()
        with _told(f"{name} cannot be looked at in {self.url}"):
            return int(fs.size(f"{root}/{name}") or 0)

    def _folder(self) -> Path | None:
        return Path(urlsplit(self.url).path) if self.url.startswith("file:") else None

    def _there(self) -> tuple[AbstractFileSystem, str]:
        if self._made is None:
            self._made = _made(self.url)
            if folder := self._folder():
                with _told(f"{folder} cannot be made"):
                    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._made


class _Sent:
    """A file on its way to an object store: what goes wrong with it is told apart from what goes wrong elsewhere."""

    closed = False

    def __init__(self, file: IO[bytes], what: str) -> None:
        self._file, self._what = file, what

    def write(self, some: bytes) -> int:
        with _told(self._what):
            return self._file.write(some)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


def check_url(url: str) -> str:
    """Raises BadSettings for what is no address of a folder; whether it can be reached shows when it is used."""
    parts = urlsplit(url)
    if parts.password or parts.username or "@" in parts.netloc:
        raise BadSettings("the address of the archives holds a password", hint="object stores have a file for those")
    folder = parts.scheme == "file" and not parts.netloc and parts.path.startswith("/") and parts.path.strip("/")
    bucket = parts.scheme not in ("", "file") and parts.netloc
    if not (folder or bucket):
        raise BadSettings("the place of the archives is no address", hint=_HINT)
    if "?" in url or "#" in url:  # a file's name to some and not to others: two folders would be meant
        raise BadSettings("the address of the archives holds ? or #", hint=_HINT)
    return url.rstrip("/")


def _made(url: str) -> tuple[AbstractFileSystem, str]:
    import fsspec  # noqa: PLC0415  (a tenth of a second, for those who keep archives)

    kind = urlsplit(url).scheme
    try:
        # What was listed once would be taken for all that is there, though other programs write there too.
        fs, root = fsspec.core.url_to_fs(url, **({} if kind == "file" else {"use_listings_cache": False}))
    except ImportError as error:
        hint = f"pip install 'cairn-central[{kind}]'" if kind == "s3" else _HINT
        raise BadSettings(f"archives at {kind}: need another package ({error.name or error})", hint=hint) from None
    except ValueError:
        raise BadSettings(f"archives cannot lie at {kind}:", hint=_HINT) from None
    return fs, root.rstrip("/")


@contextmanager
def _told(what: str, kinds: type[Exception] = Exception) -> Iterator[None]:
    """Whatever the outside world says, in words; an object store's library has errors of its own kinds."""
    try:
        yield
    except (CairnError, MemoryError):
        raise
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ArchiveDown(f"{what}: {why}", hint="look at its disk and rights; all stays as it is") from None
    except kinds as error:  # of botocore and the like, whose texts may hold addresses and keys
        raise ArchiveDown(f"{what} ({type(error).__name__})", hint="look at its network and rights") from None


@contextmanager
def _beside(path: Path) -> Iterator[IO[bytes]]:
    part = path.with_name(path.name + _PART)
    try:
        with open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "wb") as file:  # noqa: PTH123
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        _sync_folder(path.parent)
    except BaseException:
        with suppress(FileNotFoundError):
            part.unlink()
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
