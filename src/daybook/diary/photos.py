"""A photo as it was sent becomes a small upright JPEG with nothing else in it.

Photos come from strangers, and decoders are C code: so they are decoded in a process of their own, which may
use so much memory and time and no more, holds none of the server's secrets, and answers with plain bytes. The
server itself never imports Pillow.

Why not a ProcessPoolExecutor: it cannot stop the one worker that is past its deadline, it fails every photo in
flight when one worker dies, it unpickles what a decoder process hands back, and it imports the server's main
module (and with it all of FastAPI and SQLAlchemy) in each worker.

The lower half of this module runs in that process: `python -m daybook.diary.photos`.
"""

# ruff: noqa: PLC0415 - Pillow is for the worker, which is this module run as a program; the server imports none of it

import asyncio
import contextlib
import hashlib
import io
import os
import signal
import struct
import sys
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

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
_QUALITY = 85
_OUT_OF_MEMORY = 12  # a worker's exit status, as ENOMEM
_SIGKILL = 9  # which Windows has under no name


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What is accepted, and how much is kept of it.

    `max_bytes` as sent; `max_pixels` as declared in the file's header; `max_edge`, in pixels, is the longest
    edge of what is kept.
    """

    max_bytes: int = 15_000_000
    max_pixels: int = 50_000_000
    max_edge: int = 1600


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
        self._idle: list[_Worker] = []

    async def prepare(self, data: bytes) -> PreparedPhoto:
        """Return the photo in `data`, upright, scaled down and without metadata.

        Its format is told by its bytes alone. Raises BadPhoto for anything but a whole photo of a known format,
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
            worker = self._idle_worker() or await _Worker.start(self._limits, self._memory)
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
            *(sys.executable, "-P", "-Wignore", "-m", "daybook.diary.photos", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C in a terminal is for the server, which then ends its workers
        )
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
        """Return what the photo became, or raise its refusal. A worker that gave no answer has been stopped."""
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
        """Return the exit status, once the process is gone."""
        self._requests.close()
        if self.alive:
            # Not Process.kill(): if the process has just died, that collects its exit status and loses it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, _SIGKILL)
        return await self._process.wait()


def _death(status: int) -> DaybookError:
    """Why a worker died: SIGKILL is the kernel out of memory, SIGABRT a C++ decoder whose allocation failed."""
    if status in {_OUT_OF_MEMORY, -_SIGKILL, -signal.SIGABRT}:
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


# What follows runs in the worker. Pillow is imported by these functions, so that it is nowhere else.


def _serve(memory: int, limits: PhotoLimits) -> None:
    """Answer the photos on standard input until it ends."""
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a decoder that prints must not speak into the replies
    _load_decoders()
    _confine(memory)
    replies.write(_READY)
    replies.flush()
    while head := requests.read(_REQUEST.size):
        (size,) = _REQUEST.unpack(head)
        replies.write(_answer(requests.read(size), limits))
        replies.flush()


def _load_decoders() -> None:
    """Import the decoders that are needed, before memory is limited, and no others of Pillow's."""
    import pillow_heif
    from PIL import GifImagePlugin, ImageCms, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

    pillow_heif.register_heif_opener()


def _confine(memory: int) -> None:
    """Take no more than `memory` bytes from here on, leave no core dump, and let the server go first."""
    if sys.platform == "win32":
        return
    import resource

    os.nice(5)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _answer(data: bytes, limits: PhotoLimits) -> bytes:
    """The reply to one photo. Ends the process where memory does not suffice."""
    try:
        photo = _prepare(data, limits)
    except DaybookError as refusal:
        outcome = _TOO_LARGE if isinstance(refusal, PhotoTooLarge) else _BAD
        sentence = refusal.detail.encode()
        return _REPLY.pack(outcome, 0, 0, b"", len(sentence)) + sentence
    except MemoryError:
        # Nobody knows what a decoder still holds after a failed allocation: a fresh process takes over.
        os._exit(_OUT_OF_MEMORY)
    return _REPLY.pack(_PREPARED, photo.width, photo.height, photo.sha256, len(photo.data)) + photo.data


def _prepare(data: bytes, limits: PhotoLimits) -> PreparedPhoto:
    name = _format_of(data)
    try:
        image = _decode(_open(data, name, limits), limits.max_edge)
    except (DaybookError, MemoryError):
        raise
    except Exception as error:
        raise BadPhoto(
            f"The photo is truncated or damaged: it starts as {name} but cannot be decoded to its end."
        ) from error
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=_QUALITY)
    return PreparedPhoto(hashlib.sha256(data).digest(), jpeg.getvalue(), "image/jpeg", image.width, image.height)


def _open(data: bytes, name: str | None, limits: PhotoLimits) -> "Image.Image":
    """The photo, its header read and its size found acceptable, and nothing decoded yet."""
    from PIL import Image

    most = f"at most {limits.max_pixels / 1e6:g} million pixels are accepted."
    # The size is ours to check, but for WebP, where opening allocates the canvas: there Pillow looks first, and
    # refuses what has more than twice the pixels it is told to warn at.
    Image.MAX_IMAGE_PIXELS = limits.max_pixels // 2 if name == "WEBP" else None
    try:
        image = Image.open(io.BytesIO(data), formats=[name or ""])
    except Image.DecompressionBombError:
        raise PhotoTooLarge(f"The photo has too many pixels; {most}") from None
    if image.width * image.height > limits.max_pixels:
        raise PhotoTooLarge(f"The photo is {image.width} x {image.height} pixels; {most}")
    return image


def _decode(image: "Image.Image", max_edge: int) -> "Image.Image":
    """The whole photo as RGB: scaled down first, since every later step is then cheap."""
    from PIL import Image, ImageOps

    scale = min(1.0, max_edge / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    profile = image.info.get("icc_profile")
    image.draft(None, size)  # a JPEG is decoded at a half, quarter or eighth of its size where that is enough
    if image.mode.startswith("I"):
        image = image.point(lambda value: value / 256)  # 16 bits a pixel, which convert() would cut off at 255
    if image.mode not in {"RGB", "RGBA"}:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image = image.resize(size, reducing_gap=2.0)
    with contextlib.suppress(Exception):  # turned before its EXIF is rewritten, which fails on much that is odd
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "RGBA":
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    image.info.clear()  # a comment would be saved again
    return _in_srgb(image, profile)


def _in_srgb(image: "Image.Image", profile: bytes | None) -> "Image.Image":
    """The same colors without the profile: a phone's Display P3 would look dull when read as sRGB."""
    from PIL import ImageCms

    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, OSError):
        return image  # broken, or of another color model, such as CMYK
    return converted or image


if __name__ == "__main__":
    _memory, *_limits = map(int, sys.argv[1:])
    _serve(_memory, PhotoLimits(*_limits))
