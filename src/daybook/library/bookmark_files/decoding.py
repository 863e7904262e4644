"""Decoding a file to text, in pieces."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

CHUNK = 64 * 1024
"""Bytes read at a time. Reading runs in a thread beside an event loop: no step holds the interpreter for longer than a
piece of this size takes."""

ENTRY_LIMIT = 2**20
"""Characters that one entry may take in a file. The longest that Daybook writes (every text at its limit, every
character escaped) takes some 850,000."""


def text_of(file: BinaryIO) -> Iterator[str]:
    """Yield the text of `file` from its current position: UTF-8, or UTF-16 after a byte order mark.

    Invalid bytes become U+FFFD, so that a damaged title costs nothing else.
    """
    data = file.read(CHUNK)
    decoder = codecs.getincrementaldecoder(_encoding(data))("replace")
    while data:
        yield decoder.decode(data)
        data = file.read(CHUNK)
    yield decoder.decode(b"", final=True)


def text_of_head(head: bytes) -> str:
    """Return the text of a file's first bytes, without a character that is cut off at their end."""
    return codecs.getincrementaldecoder(_encoding(head))("replace").decode(head)


def _encoding(head: bytes) -> str:
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
