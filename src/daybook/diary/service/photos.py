"""Keeping photos, and giving them back to their owner."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from uuid_utils.compat import uuid7

from daybook.accounts.caller import Caller
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


async def keep(session: AsyncSession, store: PhotoStore, caller: Caller, photo: PreparedPhoto) -> UUID:
    """Return the id of the photo's row; the same bytes have the same.

    The file is written before the row, so that there is never a row without its file. The session must not have
    been used yet: until the file is there, no connection is held.
    """
    photo_id = uuid7()
    # By its hash, so that a repetition writes the same file and not another one.
    key = f"{caller.user_id}/{photo.sha256.hex()}.jpg"
    await store.put(key, photo.data)
    columns = {
        "id": photo_id,
        "user_id": caller.user_id,
        "sha256": photo.sha256,
        "media_type": photo.media_type,
        "size": len(photo.data),
        "width": photo.width,
        "height": photo.height,
        "storage_key": key,
    }
    return (await session.scalars(queries.insert_photo(columns))).one()


async def read(
    sessions: async_sessionmaker[AsyncSession], store: PhotoStore, caller: Caller, photo_id: UUID
) -> KeptPhoto:
    """Return one of the caller's photos; PhotoNotFound."""
    async with sessions() as session:
        photo: Photo | None = await session.scalar(queries.photo(caller.user_id, photo_id))
    data = await store.get(photo.storage_key) if photo else None
    if photo is None or data is None:
        raise PhotoNotFound("None of your photos has this id.")
    return KeptPhoto(data, photo.media_type, f'"{photo.sha256.hex()}"')
