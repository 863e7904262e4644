"""From a photo as it was sent to a small upright JPEG without metadata.

Photos come from strangers, and decoders are C code: so they are decoded in a process of their own (`decoder`) with
limited memory and time and none of the server's secrets, which answers with plain bytes. The
server itself never imports Pillow.

Why not a ProcessPoolExecutor: it cannot stop the one worker that is past its deadline, it fails every photo in
flight when one worker dies, it unpickles what a decoder process hands back, and it imports the server's main
module (and with it all of FastAPI and SQLAlchemy) in each worker.
"""

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import astuple
from typing import Self, cast

from daybook.diary.errors import BadPhoto, PhotoTooLarge
from daybook.diary.photos.protocol import (
    ACCEPTED_FORMATS,
    OUT_OF_MEMORY,
    READY,
    REFUSALS,
    REPLY,
    REQUEST,
    PhotoLimits,
    PreparedPhoto,
    format_of,
)
from daybook.errors import DaybookError, Unavailable

_START_SECONDS = 30.0
_SIGKILL = 9  # which Windows has under no name


class PhotoPreparer:
    """Prepares photos in a few worker processes, each started when it is first needed.

    Where the operating system cannot limit a process's memory (anything but Linux), the limits on bytes and
    pixels and the deadline still hold.
    """

    def __init__(
        self,
        limits: PhotoLimits | None = None,
        *,
        workers: int = 2,
        deadline: float = 10.0,
        patience: float = 30.0,
        memory: int | None = None,
    ) -> None:
        """`deadline` is how many seconds decoding may take, `patience` how many a photo waits for its turn.

        `memory` is how many bytes a worker may take beyond its idle size. Left out, it is enough for any photo
        within the limits: a WebP with transparency, the hungriest, was measured to need 19 bytes a pixel.
        """
        self._limits = limits or PhotoLimits()
        self._memory = memory or 100_000_000 + 20 * self._limits.max_pixels
        self._deadline = deadline
        self._patience = patience
        self._turns = asyncio.Semaphore(workers)
        self._idle: list[_DecoderProcess] = []

    async def prepare(self, data: bytes) -> PreparedPhoto:
        """Return the photo in `data`, upright, scaled down and without metadata.

        Its format is detected from its bytes. Raises BadPhoto for anything but a whole photo of a known format,
        PhotoTooLarge for one over the limits, and Unavailable when no worker became free in time.
        """
        if len(data) > self._limits.max_bytes:
            raise PhotoTooLarge(
                f"The photo is {len(data):,} bytes; at most {self._limits.max_bytes:,} bytes are accepted."
            )
        if format_of(data) is None:
            raise BadPhoto(f"These bytes are not a photo in a format that is accepted ({ACCEPTED_FORMATS}).")
        try:
            async with asyncio.timeout(self._patience):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable("Too many photos are waiting to be read.", retry_after=10) from None
        try:
            worker = self._idle_worker() or await _DecoderProcess.start(self._limits, self._memory)
            try:
                return await worker.ask(data, self._deadline)
            finally:
                if worker.alive:
                    self._idle.append(worker)
        finally:
            self._turns.release()

    async def close(self) -> None:
        """Stop the workers. No photo may be in preparation any more."""
        while self._idle:
            await self._idle.pop().stop()

    def _idle_worker(self) -> "_DecoderProcess | None":
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
        return None


class _DecoderProcess:
    """One decoder process. It ends when its standard input does: a killed server leaves none behind."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._requests = cast("asyncio.StreamWriter", process.stdin)
        self._replies = cast("asyncio.StreamReader", process.stdout)

    @classmethod
    async def start(cls, limits: PhotoLimits, memory: int) -> Self:
        """Return a worker that is ready for its first photo. Raises Unavailable when none starts."""
        # No secret of the server is in the environment of a process that a photo may take over. One malloc arena,
        # since each arena counts as 64 MB of address space, used or not.
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MALLOC_ARENA_MAX": "1"}
        if "SYSTEMROOT" in os.environ:
            environment["SYSTEMROOT"] = os.environ["SYSTEMROOT"]  # Python does not start on Windows without
        arguments = [str(number) for number in (memory, *astuple(limits))]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-Wignore", "-m", "daybook.diary.photos.decoder", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C in a terminal is for the server, which then ends its workers
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await worker._replies.readexactly(len(READY))
        except (TimeoutError, asyncio.IncompleteReadError) as error:
            await worker.stop()
            raise Unavailable("Photos cannot be read at the moment.", retry_after=30) from error
        except BaseException:
            await worker.stop()
            raise
        return worker

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ask(self, data: bytes, deadline: float) -> PreparedPhoto:
        """Return what the photo became, or raise its refusal. A worker that gave no answer has been stopped."""
        try:
            async with asyncio.timeout(deadline):
                self._requests.write(REQUEST.pack(len(data)))
                self._requests.write(data)
                await self._requests.drain()
                head = await self._replies.readexactly(REPLY.size)
                outcome, width, height, sha256, size = REPLY.unpack(head)
                body = await self._replies.readexactly(size)
        except TimeoutError:
            await self.stop()
            raise BadPhoto(f"The photo could not be decoded within {deadline:g} seconds.") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise _death(await self.stop()) from None
        except BaseException:
            # Cancelled halfway: the next reply of this worker would be to a request that nobody waits for any more.
            await self.stop()
            raise
        if outcome in REFUSALS:
            raise REFUSALS[outcome](body.decode())
        return PreparedPhoto(sha256, body, "image/jpeg", width, height)

    async def stop(self) -> int:
        """Return the exit status, once the process is gone."""
        self._requests.close()
        if self.alive:
            # Not Process.kill(): if the process has just died, that collects its exit status and loses it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, _SIGKILL)
        return await self._process.wait()


def _death(status: int) -> DaybookError:
    """Return why a decoder died: SIGKILL is the kernel out of memory, SIGABRT a C++ decoder whose allocation failed."""
    if status in {OUT_OF_MEMORY, -_SIGKILL, -signal.SIGABRT}:
        return PhotoTooLarge("Decoding the photo takes more memory than is allowed.")
    return BadPhoto("The photo is damaged: its decoder crashed.")
