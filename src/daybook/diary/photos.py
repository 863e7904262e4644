"""A photo as it was sent becomes a small upright JPEG with nothing else in it.

Photos come from strangers, and decoders are C code: so they are decoded in a process of their own, which may
use so much memory and time and no more, holds none of the server's secrets, and answers with plain bytes. The
server itself never imports Pillow.

Why not a ProcessPoolExecutor: it cannot stop the one worker that is past its deadline, it fails every photo in
flight when one worker dies, it unpickles what a decoder process hands back, and it imports the server's main
module (and with it all of FastAPI and SQLAlchemy) in each worker.

The lower half of this module runs in that process: `python -m daybook.diary.photos`.
"""

import asyncio
import contextlib
import hashlib
import io
import os
import signal
import struct
import sys
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, BinaryIO, Self, cast

from daybook.diary.errors import BadPhoto, PhotoTooLarge
from daybook.errors import DaybookError, Unavailable

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = "JPEG, PNG, WebP, GIF and HEIC"
# ISO/IEC 23008-12, the brands of HEVC-coded still pictures and sequences, and the two that name no codec.
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}

# A worker says that it is ready, then answers each request (a length and the photo) with one reply: what came
# of it, the width, the height and the SHA-256 of the photo, and the JPEG or the sentence that refuses it.
_READY = b"ready"
_REQUEST = struct.Struct("!I")
_REPLY = struct.Struct("!cII32sI")
_PREPARED, _BAD, _TOO_LARGE = b"p", b"b", b"l"
_REFUSALS: dict[bytes, type[DaybookError]] = {_BAD: BadPhoto, _TOO_LARGE: PhotoTooLarge}

_START_SECONDS = 30.0
_OUT_OF_MEMORY = 12  # a worker's exit status, as ENOMEM


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What is accepted, and how much is kept of it.

    `max_bytes` as sent; `max_pixels` as declared in the file's header; `max_edge`, in pixels, is the longest
    edge of what is kept. `max_memory`, in bytes, is how much a worker may take on top of its idle size: a WebP
    of 50 million pixels, the hungriest of all, was measured to need 990 MB.
    """

    max_bytes: int = 15_000_000
    max_pixels: int = 50_000_000
    max_edge: int = 1600
    max_memory: int = 1_100_000_000


@dataclass(frozen=True, slots=True)
class PreparedPhoto:
    """An upright JPEG without metadata, and what it was made from.

    `sha256` (32 bytes) is that of the bytes as sent: it makes the same photo recognisable when it comes again,
    also after `max_edge` or the encoder changed. `width` and `height` are those of `data`.
    """

    sha256: bytes
    data: bytes
    media_type: str
    width: int
    height: int


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
    ) -> None:
        """`deadline` is how many seconds decoding may take, `patience` how many a photo waits for its turn."""
        self._limits = limits or PhotoLimits()
        self._deadline = deadline
        self._patience = patience
        self._turns = asyncio.Semaphore(workers)
        self._idle: list[_Worker] = []

    async def prepare(self, data: bytes) -> PreparedPhoto:
        """The photo in `data`, upright, scaled down and without metadata.

        What it is is told by its bytes alone. Raises BadPhoto for anything but a whole photo of a known format,
        PhotoTooLarge for one over the limits, and Unavailable when no worker became free in time.
        """
        if len(data) > self._limits.max_bytes:
            raise PhotoTooLarge(
                f"The photo is {len(data):,} bytes; at most {self._limits.max_bytes:,} bytes are accepted."
            )
        if _format_of(data) is None:
            raise BadPhoto(f"These bytes are not a photo in a format that is accepted ({_FORMATS}).")
        try:
            async with asyncio.timeout(self._patience):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable("Too many photos are waiting to be read.", retry_after=10) from None
        try:
            worker = self._idle_worker() or await _Worker.start(self._limits)
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

    def _idle_worker(self) -> "_Worker | None":
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
        return None


class _Worker:
    """One decoder process. It ends when its standard input does, so it never outlives a killed server."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._requests = cast("asyncio.StreamWriter", process.stdin)
        self._replies = cast("asyncio.StreamReader", process.stdout)

    @classmethod
    async def start(cls, limits: PhotoLimits) -> Self:
        """A worker that is ready for its first photo. Raises Unavailable when none starts."""
        # No secret of the server is in the environment of a process that a photo may take over. One malloc arena,
        # since each arena counts as 64 MB of address space, used or not.
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "MALLOC_ARENA_MAX": "1"}
        if "SYSTEMROOT" in os.environ:
            environment["SYSTEMROOT"] = os.environ["SYSTEMROOT"]  # Python does not start on Windows without
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "daybook.diary.photos", *map(str, astuple(limits)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C in a terminal is for the server, which then ends its workers
        )  # fmt: skip
        worker = cls(process)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await worker._replies.readexactly(len(_READY))
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
        """What became of the photo; a worker that gave no answer has been stopped."""
        try:
            async with asyncio.timeout(deadline):
                self._requests.write(_REQUEST.pack(len(data)))
                self._requests.write(data)
                await self._requests.drain()
                head = await self._replies.readexactly(_REPLY.size)
                outcome, width, height, sha256, size = _REPLY.unpack(head)
                body = await self._replies.readexactly(size)
        except TimeoutError:
            await self.stop()
            raise BadPhoto(f"The photo could not be decoded within {deadline:g} seconds.") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise _death(await self.stop()) from None
        except BaseException:
            # Cancelled halfway: what this worker says next would be the answer to a question nobody waits for.
            await self.stop()
            raise
        if outcome in _REFUSALS:
            raise _REFUSALS[outcome](body.decode())
        return PreparedPhoto(sha256, body, "image/jpeg", width, height)

    async def stop(self) -> int:
        """The exit status, once the process is gone."""
        self._requests.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        return await self._process.wait()


def _death(status: int) -> DaybookError:
    """Why a worker died: SIGKILL is the kernel out of memory, SIGABRT a C++ decoder whose allocation failed."""
    if status in {_OUT_OF_MEMORY, -signal.SIGABRT, -9}:
        return PhotoTooLarge("Decoding the photo takes more memory than is allowed.")
    return BadPhoto("The photo is damaged: its decoder crashed.")


def _format_of(data: bytes) -> str | None:
    """Pillow's name of the format that the first bytes announce, if it is one that is accepted."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return "HEIF"
    return None


# From here on, what runs in the worker. Pillow is imported inside these functions, so that it is only there.


def _serve(limits: PhotoLimits, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer photos until there are no more requests."""
    _load_decoders()
    _confine(limits.max_memory)
    replies.write(_READY)
    replies.flush()
    while head := requests.read(_REQUEST.size):
        (size,) = _REQUEST.unpack(head)
        replies.write(_answer(requests.read(size), limits))
        replies.flush()


def _load_decoders() -> None:
    """Everything that is needed, before memory is limited; no other of Pillow's formats is ever tried."""
    import pillow_heif  # noqa: PLC0415 - in the worker only
    from PIL import GifImagePlugin, ImageCms, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401, PLC0415

    pillow_heif.register_heif_opener()
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)


def _confine(memory: int) -> None:
    """Take no more than `memory` bytes from here on, leave no core dump, and let the server go first."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not on Windows

        os.nice(5)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            limit = pages * resource.getpagesize() + memory
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _answer(data: bytes, limits: PhotoLimits) -> bytes:
    try:
        photo = _prepare(data, limits)
    except DaybookError as refusal:
        sentence = refusal.detail.encode()
        outcome = _TOO_LARGE if isinstance(refusal, PhotoTooLarge) else _BAD
        return _REPLY.pack(outcome, 0, 0, b"", len(sentence)) + sentence
    except MemoryError:
        # What a decoder still holds after a failed allocation is unknown: a fresh process takes over.
        os._exit(_OUT_OF_MEMORY)
    return _REPLY.pack(_PREPARED, photo.width, photo.height, photo.sha256, len(photo.data)) + photo.data
