"""Giving everything back: a library as a file, in the formats that it can be imported from."""

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
"""Contents that are read and written at a time: with the longest of texts, still some 25 MB."""


async def export(database: Database, caller: Caller, writer: BookmarkWriter) -> AsyncIterator[bytes]:
    """Yield the caller's whole library as a file, the newest content first.

    Nothing is held between two pieces, so that a slow client costs nobody a connection. What is saved while it is
    read is not in it. The first contents are read before the first piece: a database that is away shows by then.
    """
    page = await _page(database, caller, None)
    yield writer.head()
    yield await asyncio.to_thread(_written, writer, page.items)
    while page.next_key is not None:
        page = await _page(database, caller, page.next_key)
        yield await asyncio.to_thread(_written, writer, page.items)
    yield writer.tail()


async def _page(database: Database, caller: Caller, after: tuple[object, ...] | None) -> KeysetPage:
    async with database.read() as session:
        await session.connection(execution_options={"sql_expected": "a library is read page by page"})
        return await CONTENTS.page(SessionExecutor(session), limit=BATCH, after=after, user_id=caller.user_id)


def _written(writer: BookmarkWriter, contents: bytes) -> bytes:
    return writer.items([record_of(content) for content in orjson.loads(contents)])
