"""Keeping photos, and giving them back to their owner."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from daybook.accounts.caller import Caller
from daybook.database.engine import Database
from daybook.diary import queries
from daybook.diary.errors import PhotoNotFound
from daybook.diary.models import Photo
from daybook.diary.photo_store import PhotoStore
from daybook.diary.photos import PreparedPhoto


@dataclass(frozen=True, slots=True)
class KeptPhoto:
    """A photo's bytes, with what a client's cache needs."""

    data: bytes
    media_type: str
    etag: str


async def keep(store: PhotoStore, caller: Caller, photo: PreparedPhoto) -> dict[str, Any]:
    """Put the photo's file into the store and return the columns of its row, which is written after it.

    So there is never a row without its file. The key is the hash: the same photo again is the same file again.
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


async def read(database: Database, store: PhotoStore, caller: Caller, photo_id: UUID) -> KeptPhoto:
    """Return one of the caller's photos; PhotoNotFound."""
    async with database.read() as session:
        photo: Photo | None = await session.scalar(queries.photo(caller.user_id, photo_id))
    data = await store.get(photo.storage_key) if photo else None
    if photo is None or data is None:
        raise PhotoNotFound("None of your photos has this id.")
    return KeptPhoto(data, photo.media_type, f'"{photo.sha256.hex()}"')
