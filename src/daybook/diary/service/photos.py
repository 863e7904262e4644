"""Storing photos, returning them to their owner, and deleting those that nobody owns any more."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

from uuid_utils.compat import uuid7

from daybook.accounts.caller import Caller
from daybook.database.engine import Database
from daybook.database.failures import FAILURES
from daybook.diary import queries
from daybook.diary.errors import PhotoNotFound
from daybook.diary.photos.protocol import PreparedPhoto
from daybook.diary.photos.store import PhotoStore
from daybook.errors import DaybookError

logger = logging.getLogger(__name__)

UNCLAIMED_FOR = timedelta(hours=1)
"""How old a file without a row has to be to be deleted: a younger one may be about to get its row."""
DAY = 86_400.0
BATCH = 500


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """Where a photo's file is in the store, and what a client's cache needs to know of it."""

    storage_key: str
    media_type: str
    etag: str


async def store_file(store: PhotoStore, caller: Caller, photo: PreparedPhoto) -> dict[str, Any]:
    """Put the photo's file into the store and return the columns of its row, which is to be written afterwards.

    In this order there is never a row without its file. The key is the hash, so the same photo is the same file.
    """
    key = f"{caller.user_id}/{photo.sha256.hex()}.jpg"
    await store.put(key, photo.data)
    return {
        "id": uuid7(),
        "user_id": caller.user_id,
        "sha256": photo.sha256,
        "media_type": photo.media_type,
        "size": len(photo.data),
        "width": photo.width,
        "height": photo.height,
        "storage_key": key,
    }


async def find(database: Database, caller: Caller, photo_id: UUID) -> StoredPhoto:
    """Return where one of the caller's photos is; PhotoNotFound."""
    photo = await database.run(queries.stored_photo(caller.user_id, photo_id))
    if photo is None:
        raise PhotoNotFound
    return StoredPhoto(photo.storage_key, photo.media_type, f'"{photo.sha256.hex()}"')


async def read_file(store: PhotoStore, photo: StoredPhoto) -> bytes:
    """Return the photo's bytes; PhotoNotFound when its file is missing."""
    data = await store.get(photo.storage_key)
    if data is None:
        raise PhotoNotFound
    return data


async def sweep(database: Database, store: PhotoStore, now: datetime) -> int:
    """Delete the files that no row has, mostly those of deleted accounts, and return how many there were."""
    deleted = 0
    async for keys in _batches(store.keys_older_than(now - UNCLAIMED_FOR)):
        async with database.write.begin() as session:
            claimed = set(await session.scalars(queries.claimed_keys(keys)))
        for key in keys:
            if key not in claimed:
                await store.delete(key)
                deleted += 1
    return deleted


async def sweep_daily(database: Database, store: PhotoStore, clock: Callable[[], datetime]) -> NoReturn:
    """Sweep about once a day, for as long as the process lives. Several processes may do so."""
    while True:
        await asyncio.sleep(random.uniform(0.5, 1.5) * DAY)  # noqa: S311 - so that processes do not all sweep at once
        try:
            deleted = await sweep(database, store, clock())
        except (DaybookError, *FAILURES):
            logger.exception("the photo store could not be swept; the next attempt is tomorrow")
        else:
            logger.info("swept %d photos that nobody owns", deleted)


async def _batches(keys: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    batch: list[str] = []
    async for key in keys:
        batch.append(key)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
