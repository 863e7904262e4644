"""Imports as jobs: whoever claims one works on it alone, and whoever loses it writes nothing more.

How far an import has come moves in the transaction that saves the entries, so that an entry is counted exactly once,
wherever a worker dies. What makes that hold when two believe the job is theirs is the number of the attempt.
"""

import asyncio
import datetime as dt
from dataclasses import dataclass, field, replace
from typing import BinaryIO
from uuid import UUID

from daybook.accounts.caller import Caller, Scope
from daybook.database.engine import Database
from daybook.library.bookmark_files import BookmarkFormat
from daybook.library.enums import ImportStatus
from daybook.library.imports import queries
from daybook.library.new_content import NewContent
from daybook.library.service.save_links import save_all

LEASE = dt.timedelta(seconds=30)
"""How long a worker that shows no progress keeps its import: it is dead, or as good as that."""


class ImportLost(Exception):
    """The import is not this worker's any more: another one has it, it was forgotten, or it stands elsewhere."""


@dataclass(frozen=True, slots=True)
class ImportJob:
    """An import that a worker has claimed."""

    id: UUID
    user_id: int
    format: BookmarkFormat
    tag: str | None
    read: int
    """Entries that have been dealt with."""
    attempt: int

    @property
    def caller(self) -> Caller:
        """The owner, who may save links and nothing else."""
        return Caller(self.user_id, frozenset({Scope.LIBRARY_WRITE}), session=None)


@dataclass(frozen=True, slots=True)
class Batch:
    """The next entries of a file."""

    contents: list[NewContent] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Of each entry that cannot be saved, why not."""

    def __len__(self) -> int:
        """Return how many entries these are."""
        return len(self.contents) + len(self.problems)


async def claim(database: Database) -> ImportJob | None:
    """Return the oldest import that waits, or whose worker is gone; None when there is none."""
    found = await database.run(queries.claim_import(LEASE))
    if found is None:
        return None
    return ImportJob(found.id, found.user_id, BookmarkFormat(found.format), found.tag, found.read, found.attempt)


async def load(database: Database, job: ImportJob, file: BinaryIO) -> None:
    """Write the import's file into `file`, and stand at its beginning."""
    file.seek(0)
    position = 0
    while chunk := await database.run(queries.import_chunk(job.user_id, job.id, position)):
        await asyncio.to_thread(file.write, chunk.data)
        position += 1
    file.seek(0)


async def save(database: Database, job: ImportJob, batch: Batch, now: dt.datetime) -> ImportJob:
    """Save the entries that come next, and return the job as it stands behind them; its lease begins anew.

    An empty batch does only that. Raises ImportLost, and then nothing is saved.
    """
    async with database.write.begin() as session:
        made = 0
        if batch.contents:
            saved = await save_all(session, job.caller, batch.contents, now, tag_existing=True)
            made = sum(one.created for one in saved)
        counts = {
            "read": len(batch),
            "created": made,
            "existing": len(batch.contents) - made,
            "unreadable": len(batch.problems),
        }
        problems = batch.problems[: queries.MOST_PROBLEMS]
        advanced = await session.scalar(
            queries.advance_import(
                job.user_id, job.id, job.attempt, read=job.read, counts=counts, problems=problems, lease=LEASE
            )
        )
        if advanced is None:
            raise ImportLost
    return replace(job, read=job.read + len(batch))


async def finish(database: Database, job: ImportJob, error: str | None = None) -> None:
    """Say that an import is done, or why it failed, and let its file go; ImportLost."""
    status = ImportStatus.DONE if error is None else ImportStatus.FAILED
    if await database.run(queries.finish_import(job.user_id, job.id, job.attempt, status, error)) is None:
        raise ImportLost


async def release(database: Database, job: ImportJob) -> None:
    """Let somebody else go on with an import, if it is still this worker's."""
    await database.run(queries.release_import(job.user_id, job.id, job.attempt))
