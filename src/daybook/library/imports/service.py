"""The rules of imports: a file is received, and its owner follows what becomes of it."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import BinaryIO
from uuid import UUID

from uuid_utils.compat import uuid7

from daybook.accounts.caller import Caller
from daybook.database.engine import Database
from daybook.database.failures import FAILURES, classify
from daybook.errors import DaybookError, RateLimited, StorageFull, Unavailable
from daybook.library.bookmark_files import HEAD, detect
from daybook.library.enums import ImportStatus
from daybook.library.errors import ImportNotFound
from daybook.library.imports import queries
from daybook.library.schemas import ImportRead

CHUNK = 2**20
"""Bytes of a file that one row holds."""
MAX_OPEN = 5
"""Unfinished imports of one person: their files are in the database until they are read."""
POLL = 0.5
"""Seconds between two reads of an import that somebody follows."""


async def receive(
    database: Database, caller: Caller, file: BinaryIO, *, filename: str | None, size: int, tag: str | None
) -> UUID:
    """Store a file of `size` bytes to be imported, and return the import's id.

    The import and its file are stored in one transaction. `file` is local: its client has sent all of it. Raises
    ImportUnreadable, before anything is stored, for a file of unknown format, and RateLimited when the caller has
    MAX_OPEN unfinished imports.
    """
    data = await asyncio.to_thread(file.read, CHUNK)
    import_id = uuid7()
    columns = {
        "id": import_id,
        "user_id": caller.user_id,
        "filename": _display_name(filename),
        "format": detect(data[:HEAD]),
        "size": size,
        "tag": tag,
        "status": ImportStatus.WAITING,
    }
    async with database.write.begin() as session:
        if await session.scalar(queries.insert_import(columns, MAX_OPEN)) is None:
            raise RateLimited(f"{MAX_OPEN} of your files are being imported; wait until one is done.", retry_after=30)
        position = 0
        while data:
            chunk = {"import_id": import_id, "position": position, "data": data}
            await session.execute(queries.INSERT_CHUNK, chunk)
            data = await asyncio.to_thread(file.read, CHUNK)
            position += 1
    return import_id


def _display_name(filename: str | None) -> str:
    """The name as its owner sees it: without directories, and without characters that cannot be stored."""
    name = PurePosixPath((filename or "").replace("\\", "/")).name.encode(errors="ignore").decode()
    return unicodedata.normalize("NFC", name.replace("\x00", ""))[:200] or "bookmarks"


async def progress(database: Database, caller: Caller, import_id: UUID) -> ImportRead:
    """Return one of the caller's imports as it is now; ImportNotFound."""
    found = await database.run(queries.import_progress(caller.user_id, import_id))
    if found is None:
        raise ImportNotFound
    return ImportRead.model_validate(found)


async def follow(database: Database, caller: Caller, seen: ImportRead) -> AsyncIterator[ImportRead]:
    """Yield an import as it was `seen`, and again whenever it has changed, until it is finished or deleted.

    No connection is held in between. While the database is away, it waits.
    """
    yield seen
    while seen.finished_at is None:
        await asyncio.sleep(POLL)
        try:
            latest = await progress(database, caller, seen.id)
        except ImportNotFound:
            return
        except (DaybookError, *FAILURES) as error:
            if not passes(error):
                raise
            continue
        if latest != seen:
            seen = latest
            yield seen


def passes(error: Exception) -> bool:
    """Return whether this is a failure of the database that is over sooner or later."""
    failure = error if isinstance(error, DaybookError) else classify(error)
    return isinstance(failure, Unavailable | StorageFull)


async def cancel(database: Database, caller: Caller, import_id: UUID) -> None:
    """Delete an import, and stop it if it is not finished; what it has saved stays. ImportNotFound."""
    if await database.run(queries.delete_import(caller.user_id, import_id)) is None:
        raise ImportNotFound
