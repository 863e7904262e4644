"""Exporting a library as a file, in the formats that it can be imported from."""

import asyncio
from collections.abc import AsyncIterator

import orjson

from daybook.accounts.caller import Caller
from daybook.database.engine import Database
from daybook.database.executor import SessionExecutor
from daybook.database.projection import KeysetPage
from daybook.library.bookmark_files import BookmarkWriter
from daybook.library.bookmark_files.record import record_of
from daybook.library.projections import CONTENTS

BATCH = 100
"""Links that are read and written at a time: with texts of the maximum length, still some 25 MB."""


async def export(database: Database, caller: Caller, writer: BookmarkWriter) -> AsyncIterator[bytes]:
    """Yield the pieces of a file with all of the caller's links, newest first.

    No connection is held between two pieces, so that a slow client keeps none from others. Links that are saved during
    the export are not in it. The first links are read before the first piece, so that a database that is away is
    noticed by then.
    """
    page = await _page(database, caller, None)
    yield writer.head()
    yield await asyncio.to_thread(_written, writer, page.items)
    while page.next_cursor is not None:
        page = await _page(database, caller, page.next_cursor)
        yield await asyncio.to_thread(_written, writer, page.items)
    yield writer.tail()


async def _page(database: Database, caller: Caller, cursor: str | None) -> KeysetPage:
    async with database.write.begin() as session:
        await session.connection(execution_options={"sql_expected": "a library is read page by page"})
        return await CONTENTS.page(SessionExecutor(session), user_id=caller.user_id, limit=BATCH, cursor=cursor)


def _written(writer: BookmarkWriter, contents: bytes) -> bytes:
    return writer.items([record_of(content) for content in orjson.loads(contents)])
