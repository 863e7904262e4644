"""What the server and a decoder process agree on: limits, formats, and messages.

A decoder sends READY, then answers each request (a length and the photo) with one reply: the outcome, the width, the
height and the SHA-256 of the photo, and the JPEG or the sentence that refuses it.
"""

import struct
from dataclasses import dataclass

from daybook.diary.errors import BadPhoto, PhotoTooLarge
from daybook.errors import DaybookError

READY = b"ready"
REQUEST = struct.Struct("!I")
REPLY = struct.Struct("!cII32sI")
PREPARED, BAD, TOO_LARGE = b"p", b"b", b"l"
REFUSALS: dict[bytes, type[DaybookError]] = {BAD: BadPhoto, TOO_LARGE: PhotoTooLarge}
OUT_OF_MEMORY = 12
"""A decoder's exit status, as ENOMEM."""

ACCEPTED_FORMATS = "JPEG, PNG, WebP, GIF or HEIC"
# ISO/IEC 23008-12, the brands of HEVC-coded still pictures and sequences, and the two that name no codec.
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What is accepted, and how large the result is at most.

    `max_bytes` is of the file as sent; `max_pixels` as declared in its header; `max_edge` is the longest edge of the
    result, in pixels.
    """

    max_bytes: int = 15_000_000
    max_pixels: int = 50_000_000
    max_edge: int = 1600


@dataclass(frozen=True, slots=True)
class PreparedPhoto:
    """An upright JPEG without metadata, and the hash of its original.

    `sha256` (32 bytes) is that of the bytes as sent: it makes the same photo recognizable when it comes again,
    also after `max_edge` or the encoder changed. `width` and `height` are those of `data`.
    """

    sha256: bytes
    data: bytes
    media_type: str
    width: int
    height: int


def format_of(data: bytes) -> str | None:
    """Return Pillow's name of the format that the first bytes announce, or None for one that is not accepted."""
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
