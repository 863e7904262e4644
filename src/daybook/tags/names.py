"""When two names are the same tag."""

import unicodedata
from zlib import crc32

PALETTE = (
    0xFF4CAF50, 0xFF2196F3, 0xFFFF9800, 0xFF9C27B0, 0xFFF44336, 0xFF009688,
    0xFF795548, 0xFF3F51B5, 0xFFE91E63, 0xFF8BC34A, 0xFF607D8B, 0xFFFFC107,
)  # fmt: skip
"""The default colors (0xAARRGGBB) of tags."""


def folded(text: str) -> str:
    """Return the text as it is compared, whatever its width, composition and letter case.

    NFKC and case folding, and once more, since folding can undo the form (Unicode's toNFKC_Casefold, roughly). A
    character becomes 18 at most.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def tag_key(tagname: str) -> str:
    """Return the name as it is compared: `folded`, without white space around it."""
    return folded(tagname).strip()


def default_color(key: str) -> int:
    """Return the default color of a tag: the same name has the same one on every server."""
    return PALETTE[crc32(key.encode()) % len(PALETTE)]
