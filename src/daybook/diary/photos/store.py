"""Where the bytes of photos are: a directory of this machine, or a bucket of S3, Google Cloud or Azure.

A file is written before its row, so that no row is ever without its file. A file without a row (the request
failed in between) does no harm, and is found again by its age.
"""

import asyncio
import contextlib
import errno
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from daybook.errors import StorageFull, Unavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_BUCKETS = {"s3", "gs", "az"}
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_NO_ROOM_IN_BUCKET = "507 Insufficient Storage"  # MinIO and Ceph, which run on somebody's disk


class PhotoStore:
    """Photos by key. A key is letters, digits, `.`, `_` and `-`, in parts separated by `/`."""

    def __init__(self, location: str | Path, *, deadline: float = 15.0) -> None:
        """Open the store at `location`, a path or a URL (file, s3, gs, az); `deadline` is in seconds.

        A directory that does not exist is created, for its owner only. A bucket's region, endpoint and
        credentials come from its provider's usual environment variables (AWS_*, GOOGLE_*, AZURE_*) or from the
        machine's role. Raises ValueError for a URL that cannot be used, OSError for such a directory.
        """
        self._deadline = deadline
        self._directory = _directory(location)
        self._store: ObjectStore
        if self._directory is None:
            self._store = _bucket(str(location))
        else:
            _make_private(self._directory)
            self._store = LocalStore(self._directory)

    async def put(self, key: str, data: bytes) -> None:
        """Store `data`, in place of what was there: when this returns, it outlives a power failure.

        Raises StorageFull when there is no room, Unavailable for any other failure, and leaves nothing behind.
        """
        _check(key)
        with _translated_failures():
            async with asyncio.timeout(self._deadline):
                if self._directory is None:
                    await self._store.put_async(key, data, use_multipart=False)
                else:
                    # Not obstore's own put: it renames without fsync and has no option for that (object_store's
                    # LocalFileSystem can, by with_fsync, which obstore 0.12 does not offer), so that a power
                    # failure may leave an empty file under the key; and anybody may read its files.
                    await asyncio.to_thread(_write, self._directory.joinpath(*key.split("/")), data)

    async def get(self, key: str) -> bytes | None:
        """Return what is stored under `key`, or None where nothing is. Raises Unavailable."""
        _check(key)
        with _translated_failures():
            async with asyncio.timeout(self._deadline):
                try:
                    found = await self._store.get_async(key)
                except FileNotFoundError:
                    return None
                return bytes(await found.bytes_async())

    async def delete(self, key: str) -> None:
        """Delete what is stored under `key`, if anything is. Raises Unavailable."""
        _check(key)
        with _translated_failures(), contextlib.suppress(FileNotFoundError):
            async with asyncio.timeout(self._deadline):
                await self._store.delete_async(key)

    async def keys_older_than(self, moment: datetime) -> AsyncIterator[str]:
        """Yield the keys of all that was stored before `moment` (which has a time zone). Raises Unavailable.

        Among them are the remains of a write that a killed process did not finish: they have no row either.
        """
        with _translated_failures():
            async for files in self._store.list():
                for file in files:
                    if file["last_modified"] < moment:
                        yield file["path"]


def _check(key: str) -> None:
    # Keys are made by this application, so a bad one is a bug: but one that must not reach a file elsewhere.
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is not a key of a photo")


@contextlib.contextmanager
def _translated_failures() -> Iterator[None]:
    """Raise a store's failures as StorageFull or Unavailable."""
    try:
        yield
    except (BaseError, OSError) as error:  # a TimeoutError is an OSError
        if getattr(error, "errno", None) in _NO_ROOM or _NO_ROOM_IN_BUCKET in str(error):
            raise StorageFull("There is no room left to store the photo.") from error
        raise Unavailable("The photo store does not answer at the moment.", retry_after=10) from error


def _directory(location: str | Path) -> Path | None:
    """Return the directory that `location` names, or None for a bucket."""
    url = urlsplit(str(location))
    if isinstance(location, Path) or "://" not in location:
        return Path(location).absolute()
    if url.scheme == "file" and url.netloc in {"", "localhost"} and len(url.path) > 1:
        return Path(url2pathname(url.path))
    if url.scheme in _BUCKETS and url.netloc:
        return None
    raise ValueError(f"{location} is not a photo store: give a path, or a file, s3, gs or az URL")


def _bucket(url: str) -> "ObjectStore":
    try:
        # Left alone, obstore tries for three minutes. (Client options are not given: they would replace what
        # the environment says of proxies and plain-HTTP endpoints.)
        return from_url(url, retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=10)})
    except BaseError as error:
        raise ValueError(f"The photo store {url} cannot be used: {str(error).splitlines()[0]}") from error


def _write(path: Path, data: bytes) -> None:
    """Write all of `data` or nothing; on the disk when this returns, and readable by its owner only."""
    _make_private(path.parent)
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    try:
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _make_private(directory: Path) -> None:
    """Make the directory and what is missing above it: Path.mkdir would make the latter for everybody."""
    if not directory.is_dir():
        _make_private(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)
        _sync(directory.parent)


def _sync(directory: Path) -> None:
    """Put the names in a directory on the disk: a file's own fsync does not."""
    if sys.platform == "win32":
        return  # no directory can be opened there, and names are journaled
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
