"""The text of a file, in pieces: what all three formats are read from."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

CHUNK = 64 * 1024
"""Bytes read at a time. Reading runs in a thread beside an event loop: nothing that holds the interpreter for
longer than a piece of this size takes is done in one go."""

ENTRY_LIMIT = 2**20
"""Characters that one entry may take in a file. The longest that Daybook writes (every text at its limit, every
character escaped) takes some 850,000."""


def text_of(file: BinaryIO) -> Iterator[str]:
    """Yield the text of `file` from where it stands: UTF-8, or UTF-16 where a byte order mark says so.

    Bytes that are neither become U+FFFD, so that one damaged title costs no more than itself.
    """
    data = file.read(CHUNK)
    decoder = codecs.getincrementaldecoder(_encoding(data))("replace")
    while data:
        yield decoder.decode(data)
        data = file.read(CHUNK)
    yield decoder.decode(b"", final=True)


def text_of_head(head: bytes) -> str:
    """Return the text of a file's first bytes, without the character that they may end in the middle of."""
    return codecs.getincrementaldecoder(_encoding(head))("replace").decode(head)


def _encoding(head: bytes) -> str:
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
