"""The file formats of saved links: reading and writing them, entry by entry.

Everything here is synchronous computation: run it in a thread. No step of an iterator and no call takes longer than one
entry, or one piece of 64 kB, needs.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import BinaryIO, Protocol

from daybook.library.bookmark_files import json_file, netscape, pocket
from daybook.library.bookmark_files.decoding import text_of_head
from daybook.library.bookmark_files.record import Unreadable
from daybook.library.errors import ImportUnreadable
from daybook.library.new_content import NewContent

__all__ = ["HEAD", "BookmarkFormat", "BookmarkWriter", "Unreadable", "detect", "read", "writer_for"]

HEAD = 4096
"""The first bytes of a file, by which its format is detected."""

_BOOKMARK_HTML = re.compile(
    r"netscape-bookmark-file|<dt>\s*<(?:a|h3)\b|\btime_added=|<title>pocket export<", re.IGNORECASE
)


class BookmarkFormat(StrEnum):
    """The formats that are read and written."""

    NETSCAPE = "netscape"
    """HTML as browsers and Pinboard export it; Pocket's older HTML is read as well."""
    POCKET = "pocket"
    """Pocket's CSV."""
    JSON = "json"
    """Daybook's own."""


class BookmarkWriter(Protocol):
    """Writes one file: head(), then items() as often as there are records, then tail()."""

    media_type: str
    filename: str

    def head(self) -> bytes:
        """Return what the file begins with."""

    def items(self, batch: Sequence[NewContent]) -> bytes:
        """Return the entries of `batch`, which follow those of the batch before."""

    def tail(self) -> bytes:
        """Return what the file ends with."""


def detect(head: bytes) -> BookmarkFormat:
    """Return the format of the file whose first bytes (HEAD of them, or all) are `head`.

    Raises ImportUnreadable when it is none of the formats.
    """
    text = text_of_head(head).lstrip()
    if text.startswith("<") and _BOOKMARK_HTML.search(text):
        return BookmarkFormat.NETSCAPE
    if text.startswith(("{", "[")):
        return BookmarkFormat.JSON
    if not text.startswith("<") and _names_columns(text):
        return BookmarkFormat.POCKET
    raise ImportUnreadable(
        "Only these files can be imported: bookmarks as a browser, Pinboard or Pocket exports them (HTML), "
        "Pocket's CSV, and Daybook's own JSON."
    )


def read(kind: BookmarkFormat, file: BinaryIO) -> Iterator[NewContent | Unreadable]:
    """Yield the entries of `file`, from its current position, in order and in bounded memory.

    An invalid entry is Unreadable, and reading continues after it. Raises ImportUnreadable, at the first step, when the
    file has nothing of this format.
    """
    match kind:
        case BookmarkFormat.NETSCAPE:
            return netscape.read(file)
        case BookmarkFormat.POCKET:
            return pocket.read(file)
        case BookmarkFormat.JSON:
            return json_file.read(file)


def writer_for(kind: BookmarkFormat) -> BookmarkWriter:
    """Return a new writer. read() gives back what it writes, with every field unchanged."""
    match kind:
        case BookmarkFormat.NETSCAPE:
            return netscape.NetscapeWriter()
        case BookmarkFormat.POCKET:
            return pocket.PocketWriter()
        case BookmarkFormat.JSON:
            return json_file.JsonWriter()


def _names_columns(text: str) -> bool:
    try:
        pocket.columns_of(next(csv.reader(text.split("\n", 1)), []))
    except (ImportUnreadable, csv.Error):
        return False
    return True
