"""Files of links that people bring along: how one comes in, and how its owner sees what becomes of it."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import BinaryIO
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from daybook.accounts.caller import Caller
from daybook.database.engine import Database
from daybook.database.executor import Executor
from daybook.database.failures import FAILURES, classify
from daybook.database.projection import KeysetPage, decode_cursor
from daybook.errors import DaybookError, RateLimited, StorageFull, Unavailable
from daybook.library.bookmark_files import HEAD, detect
from daybook.library.enums import ImportStatus
from daybook.library.errors import ImportNotFound
from daybook.library.imports import queries
from daybook.library.projections import IMPORT, IMPORTS
from daybook.library.schemas import ImportRead

ID_KEY = TypeAdapter(tuple[UUID])
NOT_FOUND = "None of your imports has this id."

CHUNK = 2**20
"""Bytes of a file that one row holds."""
MOST_OPEN = 5
"""How many files of one person may wait at the same time: they are in the database until they are read."""
LOOK_EVERY = 0.5
"""Seconds between two looks at an import that somebody follows."""


async def receive(
    database: Database, caller: Caller, file: BinaryIO, *, filename: str | None, size: int, tag: str | None
) -> UUID:
    """Store a file of `size` bytes to be imported, and return the import's id.

    The import and its file are one transaction, so that nobody sees half of one. `file` is a local one: its client
    has sent all of it. Raises ImportUnreadable, before anything is stored, when it is in no format that is known,
    and RateLimited when the caller has MOST_OPEN imports unfinished.
    """
    data = await asyncio.to_thread(file.read, CHUNK)
    import_id = uuid7()
    columns = {
        "id": import_id,
        "user_id": caller.user_id,
        "filename": _shown(filename),
        "format": detect(data[:HEAD]),
        "size": size,
        "tag": tag,
        "status": ImportStatus.WAITING,
    }
    async with database.write.begin() as session:
        if await session.scalar(queries.insert_import(columns, MOST_OPEN)) is None:
            raise RateLimited(f"{MOST_OPEN} of your files are being imported; wait for one of them.", retry_after=30)
        position = 0
        while data:
            chunk = {"import_id": import_id, "position": position, "data": data}
            await session.execute(queries.INSERT_CHUNK, chunk)
            data = await asyncio.to_thread(file.read, CHUNK)
            position += 1
    return import_id


def _shown(filename: str | None) -> str:
    """The name as its owner sees it: without directories, and without what cannot be stored."""
    name = PurePosixPath((filename or "").replace("\\", "/")).name.encode(errors="ignore").decode()
    return unicodedata.normalize("NFC", name.replace("\x00", ""))[:200] or "bookmarks"


async def read_all(reader: Executor, caller: Caller, *, limit: int, cursor: str | None) -> KeysetPage:
    """Return the caller's imports, the latest first."""
    after = decode_cursor(cursor, ID_KEY) if cursor else None
    return await IMPORTS.page(reader, limit=limit, after=after, user_id=caller.user_id)


async def read(reader: Executor, caller: Caller, import_id: UUID) -> bytes:
    """Return one of the caller's imports, as JSON; ImportNotFound."""
    found = await IMPORT.first(reader, user_id=caller.user_id, id=import_id)
    if found is None:
        raise ImportNotFound(NOT_FOUND)
    return found


async def progress(database: Database, caller: Caller, import_id: UUID) -> ImportRead:
    """Return how far one of the caller's imports has come; ImportNotFound."""
    found = await database.run(queries.import_progress(caller.user_id, import_id))
    if found is None:
        raise ImportNotFound(NOT_FOUND)
    return ImportRead.model_validate(found)


async def follow(database: Database, caller: Caller, seen: ImportRead) -> AsyncIterator[ImportRead]:
    """Yield an import as it was `seen`, and again whenever it has changed, until it is finished or forgotten.

    No connection is held between two looks. A database that is away is waited for.
    """
    yield seen
    while seen.finished_at is None:
        await asyncio.sleep(LOOK_EVERY)
        try:
            now = await progress(database, caller, seen.id)
        except ImportNotFound:
            return
        except (DaybookError, *FAILURES) as error:
            if not passes(error):
                raise
            continue
        if now != seen:
            seen = now
            yield seen


def passes(error: Exception) -> bool:
    """Return whether this is a failure of the database that is over sooner or later."""
    told = error if isinstance(error, DaybookError) else classify(error)
    return isinstance(told, Unavailable | StorageFull)


async def cancel(session: AsyncSession, caller: Caller, import_id: UUID) -> None:
    """Forget an import, and stop it if it is not finished; what it has saved stays. ImportNotFound."""
    if await session.scalar(queries.delete_import(caller.user_id, import_id)) is None:
        raise ImportNotFound(NOT_FOUND)
