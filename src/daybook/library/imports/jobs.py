"""Imports as jobs: a worker claims one and works on it alone; a worker that has lost its claim writes nothing more.

The progress of an import is stored in the transaction that saves the entries, so that each entry is counted exactly
once, wherever a worker dies. The number of the attempt tells two workers apart that both hold the job for theirs.
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
"""How long a worker without progress keeps its claim; after that it counts as dead."""


class ImportLost(Exception):
    """The import is no longer this worker's: another one has it, it was deleted, or its progress is not what it was."""


@dataclass(frozen=True, slots=True)
class ImportJob:
    """An import that a worker has claimed."""

    id: UUID
    user_id: int
    format: BookmarkFormat
    tag: str | None
    read: int
    """How many entries have been processed."""
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
    """The reason for each entry that cannot be saved."""

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.contents) + len(self.problems)


async def claim(database: Database) -> ImportJob | None:
    """Claim and return the oldest import that is waiting or whose worker is dead; None when there is none."""
    found = await database.run(queries.claim_import(LEASE))
    if found is None:
        return None
    return ImportJob(found.id, found.user_id, BookmarkFormat(found.format), found.tag, found.read, found.attempt)


async def load(database: Database, job: ImportJob, file: BinaryIO) -> None:
    """Write the import's file into `file`, and rewind it."""
    file.seek(0)
    position = 0
    while chunk := await database.run(queries.import_chunk(job.user_id, job.id, position)):
        await asyncio.to_thread(file.write, chunk.data)
        position += 1
    file.seek(0)


async def save(database: Database, job: ImportJob, batch: Batch, now: dt.datetime) -> ImportJob:
    """Save the next entries, renew the lease, and return the job with its progress.

    An empty batch only renews the lease. Raises ImportLost; nothing is saved then.
    """
    async with database.write.begin() as session:
        created = 0
        if batch.contents:
            saved = await save_all(session, job.caller, batch.contents, now, tag_existing=True)
            created = sum(link.created for link in saved)
        counts = {
            "read": len(batch),
            "created": created,
            "existing": len(batch.contents) - created,
            "unreadable": len(batch.problems),
        }
        problems = batch.problems[: queries.MAX_PROBLEMS]
        advanced = await session.scalar(
            queries.advance_import(
                job.user_id, job.id, job.attempt, read=job.read, counts=counts, problems=problems, lease=LEASE
            )
        )
        if advanced is None:
            raise ImportLost
    return replace(job, read=job.read + len(batch))


async def finish(database: Database, job: ImportJob, error: str | None = None) -> None:
    """Mark an import as done, or as failed with an error, and delete its file; ImportLost."""
    status = ImportStatus.DONE if error is None else ImportStatus.FAILED
    if await database.run(queries.finish_import(job.user_id, job.id, job.attempt, status, error)) is None:
        raise ImportLost


async def release(database: Database, job: ImportJob) -> None:
    """Give an import back for another worker to continue, if it is still this worker's."""
    await database.run(queries.release_import(job.user_id, job.id, job.attempt))
