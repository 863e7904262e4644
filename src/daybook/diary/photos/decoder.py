"""The program of a decoder process: `python -m daybook.diary.photos.decoder`, which only `preparer` runs.

Pillow is imported by the functions here, so that it is nowhere else.
"""

# ruff: noqa: PLC0415 - see above

import contextlib
import hashlib
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from daybook.diary.errors import BadPhoto, PhotoTooLarge
from daybook.diary.photos.protocol import (
    BAD,
    OUT_OF_MEMORY,
    PREPARED,
    READY,
    REPLY,
    REQUEST,
    TOO_LARGE,
    PhotoLimits,
    PreparedPhoto,
    format_of,
)
from daybook.errors import DaybookError

if TYPE_CHECKING:
    from PIL import Image

_QUALITY = 85


def _serve(memory: int, limits: PhotoLimits) -> None:
    """Answer the photos on standard input until it ends."""
    requests = sys.stdin.buffer
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a decoder that prints must not speak into the replies
    _load_decoders()
    _confine(memory)
    replies.write(READY)
    replies.flush()
    while head := requests.read(REQUEST.size):
        (size,) = REQUEST.unpack(head)
        replies.write(_answer(requests.read(size), limits))
        replies.flush()


def _load_decoders() -> None:
    """Import the decoders that are needed, before memory is limited, and no others of Pillow's."""
    import pi_heif
    from PIL import GifImagePlugin, ImageCms, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

    pi_heif.register_heif_opener()


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
    """Return the reply to one photo. Ends the process where memory does not suffice."""
    try:
        photo = _prepare(data, limits)
    except DaybookError as refusal:
        outcome = TOO_LARGE if isinstance(refusal, PhotoTooLarge) else BAD
        sentence = refusal.detail.encode()
        return REPLY.pack(outcome, 0, 0, b"", len(sentence)) + sentence
    except MemoryError:
        # Nobody knows what a decoder still holds after a failed allocation: a fresh process takes over.
        os._exit(OUT_OF_MEMORY)
    return REPLY.pack(PREPARED, photo.width, photo.height, photo.sha256, len(photo.data)) + photo.data


def _prepare(data: bytes, limits: PhotoLimits) -> PreparedPhoto:
    name = format_of(data)
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
    """Return the photo with its header read and its size checked, and nothing decoded yet."""
    from PIL import Image

    most = f"at most {limits.max_pixels / 1e6:g} million pixels are accepted."
    # The size is checked below, except for WebP, where opening allocates the canvas: Pillow checks that before, and
    # refuses more than twice the pixels of its warning limit.
    Image.MAX_IMAGE_PIXELS = limits.max_pixels // 2 if name == "WEBP" else None
    try:
        image = Image.open(io.BytesIO(data), formats=[name or ""])
    except Image.DecompressionBombError:
        raise PhotoTooLarge(f"The photo has too many pixels; {most}") from None
    if image.width * image.height > limits.max_pixels:
        raise PhotoTooLarge(f"The photo is {image.width} x {image.height} pixels; {most}")
    return image


def _decode(image: "Image.Image", max_edge: int) -> "Image.Image":
    """Return the whole photo as RGB: scaled down first, since every later step is then cheap."""
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
    """Return the same colors without the profile: a phone's Display P3 would look dull when read as sRGB."""
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
