"""The worker that imports files: one in each process, for one file at a time."""

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
"""Entries that are saved together. More are hardly faster, and keep the event loop longer."""
MOST_TEXT = 1_000_000
"""Characters that are saved together, and those of one entry more: a hundred long texts are a batch, too."""
SKIPPED = 5_000
"""Entries that are passed over before the lease is prolonged."""
POLL = 15.0
"""Seconds until an idle worker looks whether there is something to do that nobody has told it of: a file that came
to another process, or one whose worker died."""
MOST_ATTEMPTS = 10
"""Workers that begin with a file before it is given up: it may be what kills them."""
MOST_WAIT = 10.0
"""Seconds between two tries while the database is away."""


class Importer:
    """Imports the files that people send, in the background; made, started and stopped with the process."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._news = asyncio.Event()
        self._receiving = asyncio.Semaphore()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for work."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop, and let another process go on with what is not finished."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def receive(
        self, caller: Caller, file: BinaryIO, *, filename: str | None, size: int, tag: str | None
    ) -> UUID:
        """Store a file as `service.receive` does, and begin with it as soon as can be.

        One after another: a large file keeps a connection for a second, and the pool is for everybody.
        """
        async with self._receiving:
            import_id = await service.receive(self._database, caller, file, filename=filename, size=size, tag=tag)
        self._news.set()
        return import_id

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                job = await self._claim()
                if job is not None:
                    await self._work(job)
                    continue
            except Exception:  # whatever it is, it must not end the work of this process for good
                logger.exception("the importer stumbled, and goes on")
            with suppress(TimeoutError):
                # Not quite regular, so that processes do not do it together.
                async with asyncio.timeout(random.uniform(0.5, 1.5) * POLL):  # noqa: S311
                    await self._news.wait()

    async def _claim(self) -> ImportJob | None:
        """Claim a job. When stopped meanwhile, give back what was claimed: its lease would keep it from all others."""
        claim = asyncio.create_task(jobs.claim(self._database))
        try:
            return await asyncio.shield(claim)
        except asyncio.CancelledError:
            with suppress(DaybookError, *FAILURES):
                if (job := await claim) is not None:
                    await jobs.release(self._database, job)
            raise

    async def _work(self, job: ImportJob) -> None:
        """Import a file, and say what became of it."""
        try:
            await self._import(job)
        except ImportUnreadable as unreadable:
            await self._finish(job, unreadable.detail)
        except (ImportLost, Unauthenticated):
            # Another worker has it, or it was forgotten, alone or with its owner. Or a commit whose answer was lost
            # has been carried out after all: then it is still ours, and goes on from where it stands.
            await jobs.release(self._database, job)
        except asyncio.CancelledError:
            with suppress(DaybookError, *FAILURES):  # then its lease runs out
                await jobs.release(self._database, job)
            raise
        except Exception:
            logger.exception("an import failed")
            await self._finish(job, "This is a fault of the server. What was read before it has been saved.")
        else:
            await self._finish(job)

    async def _finish(self, job: ImportJob, error: str | None = None) -> None:
        with suppress(ImportLost):
            await _patiently(partial(jobs.finish, self._database, job, error))

    async def _import(self, job: ImportJob) -> None:
        if job.attempt > MOST_ATTEMPTS:
            raise ImportUnreadable(f"{MOST_ATTEMPTS} times this file could not be read to its end.")
        with tempfile.TemporaryFile() as file:
            await _patiently(partial(jobs.load, self._database, job, file))
            entries = read(job.format, file)
            for start in range(0, job.read, SKIPPED):
                await asyncio.to_thread(_pass_over, entries, min(SKIPPED, job.read - start))
                await self._save(job, Batch())
            batch = await asyncio.to_thread(_next_batch, entries, job.tag)
            while batch:  # the next one is read while this one is saved
                job, batch = await asyncio.gather(
                    self._save(job, batch), asyncio.to_thread(_next_batch, entries, job.tag)
                )

    async def _save(self, job: ImportJob, batch: Batch) -> ImportJob:
        return await _patiently(partial(jobs.save, self._database, job, batch, self._clock()))


async def _patiently(work: Callable[[], Awaitable[Result]]) -> Result:
    """Return what `work` returns. It is begun again for as long as the database is away, and thrice after any failure.

    For a tag that is deleted just when something gets it makes a constraint fail, and a connection that is cut does
    not always say so; the next try makes the tag again, and has another connection.
    """
    tries = 0
    while True:
        try:
            return await work()
        except (DaybookError, *FAILURES) as error:
            tries += 1
            if tries > 3 and not service.passes(error):
                raise
        await asyncio.sleep(min(MOST_WAIT, 0.1 * 2 ** min(tries, 10)))


def _pass_over(entries: Iterator[object], number: int) -> None:
    deque(islice(entries, number), maxlen=0)


def _next_batch(entries: Iterator[NewContent | Unreadable], tag: str | None) -> Batch:
    """Return what comes next, ready to be saved; nothing at the end of the file."""
    batch = Batch()
    text = 0
    for entry in entries:
        match entry:
            case NewContent():
                batch.contents.append(replace(entry, tags=(*entry.tags, tag)) if tag else entry)
                text += len(entry.body or "") + len(entry.note or "") + len(entry.description or "")
            case Unreadable():
                batch.problems.append(f"{entry.place}: {entry.reason}")
        if len(batch) == BATCH or text > MOST_TEXT:
            break
    return batch
