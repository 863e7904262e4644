"""The worker that imports files in the background: one in each process, one file at a time."""

import asyncio
import logging
import random
import tempfile
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import BinaryIO, TypeVar
from uuid import UUID

from daybook.accounts.caller import Caller
from daybook.database.engine import Database
from daybook.database.failures import FAILURES
from daybook.errors import DaybookError, Unauthenticated
from daybook.library.bookmark_files import Unreadable, read
from daybook.library.errors import ImportUnreadable
from daybook.library.imports import jobs, service
from daybook.library.imports.jobs import Batch, ImportJob, ImportLost
from daybook.library.new_content import NewContent

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

BATCH = 200
"""Entries that are saved together. More are hardly faster, and block the event loop longer."""
MAX_TEXT = 1_000_000
"""Characters that are saved together (and those of one more entry): a hundred long texts fill a batch, too."""
SKIPPED = 5_000
"""Entries that are skipped before the lease is renewed."""
POLL = 15.0
"""Seconds until an idle worker looks for a file that another process has received, or whose worker died."""
MAX_ATTEMPTS = 10
"""How often a file is tried before it is given up: it may be what kills its workers."""
MAX_WAIT = 10.0
"""Seconds between two tries while the database is away, at most."""


class Importer:
    """Imports the files that people upload, in the background; started and stopped with the process."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._work_arrived = asyncio.Event()
        self._receiving = asyncio.Semaphore()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start looking for work."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop, and give back what is not finished for another process to continue."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def receive(
        self, caller: Caller, file: BinaryIO, *, filename: str | None, size: int, tag: str | None
    ) -> UUID:
        """Store a file as `service.receive` does, and start on it as soon as possible.

        Files are received one at a time: a large one holds a connection for a second, and the pool is for everybody.
        """
        async with self._receiving:
            import_id = await service.receive(self._database, caller, file, filename=filename, size=size, tag=tag)
        self._work_arrived.set()
        return import_id

    async def _run(self) -> None:
        while True:
            self._work_arrived.clear()
            try:
                job = await self._claim()
                if job is not None:
                    await self._work(job)
                    continue
            except Exception:  # whatever it is, it must not stop the worker for good
                logger.exception("the importer failed unexpectedly and continues")
            with suppress(TimeoutError):
                # With jitter, so that processes do not all do it at once.
                async with asyncio.timeout(random.uniform(0.5, 1.5) * POLL):  # noqa: S311
                    await self._work_arrived.wait()

    async def _claim(self) -> ImportJob | None:
        """Claim a job. When stopped meanwhile, give it back: its lease would keep it from other workers."""
        claim = asyncio.create_task(jobs.claim(self._database))
        try:
            return await asyncio.shield(claim)
        except asyncio.CancelledError:
            with suppress(DaybookError, *FAILURES):
                if (job := await claim) is not None:
                    await jobs.release(self._database, job)
            raise

    async def _work(self, job: ImportJob) -> None:
        """Import a file and store the outcome."""
        try:
            await self._import(job)
        except ImportUnreadable as unreadable:
            await self._finish(job, unreadable.detail)
        except (ImportLost, Unauthenticated):
            # Another worker has it, or it was deleted, alone or with its owner. Or a commit whose answer was lost was
            # carried out after all: then it is still ours, and continues from its stored progress.
            await jobs.release(self._database, job)
        except asyncio.CancelledError:
            with suppress(DaybookError, *FAILURES):  # else its lease runs out
                await jobs.release(self._database, job)
            raise
        except Exception:
            logger.exception("an import failed")
            await self._finish(job, "The server failed to read on. The links read before that have been saved.")
        else:
            await self._finish(job)

    async def _finish(self, job: ImportJob, error: str | None = None) -> None:
        with suppress(ImportLost):
            await _retrying(partial(jobs.finish, self._database, job, error))

    async def _import(self, job: ImportJob) -> None:
        if job.attempt > MAX_ATTEMPTS:
            raise ImportUnreadable(f"The file could not be read to its end in {MAX_ATTEMPTS} attempts.")
        with tempfile.TemporaryFile() as file:
            await _retrying(partial(jobs.load, self._database, job, file))
            entries = read(job.format, file)
            for start in range(0, job.read, SKIPPED):
                await asyncio.to_thread(_skip, entries, min(SKIPPED, job.read - start))
                await self._save(job, Batch())
            batch = await asyncio.to_thread(_next_batch, entries, job.tag)
            while batch:  # the next one is read while this one is saved
                job, batch = await asyncio.gather(
                    self._save(job, batch), asyncio.to_thread(_next_batch, entries, job.tag)
                )

    async def _save(self, job: ImportJob, batch: Batch) -> ImportJob:
        return await _retrying(partial(jobs.save, self._database, job, batch, self._clock()))


async def _retrying(work: Callable[[], Awaitable[Result]]) -> Result:
    """Return what `work` returns. It is retried while the database is away, and three times after any other failure.

    A constraint fails when a tag is deleted while a link gets it, and not every lost connection is reported as one; the
    next try creates the tag again, on another connection.
    """
    tries = 0
    while True:
        try:
            return await work()
        except (DaybookError, *FAILURES) as error:
            tries += 1
            if tries > 3 and not service.passes(error):
                raise
        await asyncio.sleep(min(MAX_WAIT, 0.1 * 2 ** min(tries, 10)))


def _skip(entries: Iterator[object], number: int) -> None:
    deque(islice(entries, number), maxlen=0)


def _next_batch(entries: Iterator[NewContent | Unreadable], tag: str | None) -> Batch:
    """Return the next entries to save; an empty batch at the end of the file."""
    batch = Batch()
    text = 0
    for entry in entries:
        match entry:
            case NewContent():
                batch.contents.append(replace(entry, tags=(*entry.tags, tag)) if tag else entry)
                text += len(entry.body or "") + len(entry.note or "") + len(entry.description or "")
            case Unreadable():
                batch.problems.append(f"{entry.place}: {entry.reason}")
        if len(batch) == BATCH or text > MAX_TEXT:
            break
    return batch
