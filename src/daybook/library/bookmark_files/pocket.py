"""Pocket's CSV: `title,url,time_added,tags,status`, tags joined by `|`, times in Unix seconds.

A cell that a spreadsheet would take for a formula is written with an apostrophe before it, which is left away when the
file is read back: a file with the column `daybook` is one that Daybook has written.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from daybook.library.bookmark_files.decoding import ENTRY_LIMIT, text_of
from daybook.library.bookmark_files.record import Unreadable, entry, moment_of, rest_of
from daybook.library.errors import ImportUnreadable
from daybook.library.new_content import NewContent

_REST = "daybook"
_COLUMNS = ("title", "url", "time_added", "tags", "status", _REST)

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How a cell begins that is guarded. One that looks guarded already is guarded as well, so that it comes back."""

# The limit of a cell, by default 131,072 characters, can only be set for the whole process. Nothing else in Daybook
# reads CSV. The length of a row is bounded below.
csv.field_size_limit(ENTRY_LIMIT)


def read(file: BinaryIO) -> Iterator[NewContent | Unreadable]:
    """Yield the bookmarks of `file` in order. Columns are found by name; all but `url` are optional.

    Raises ImportUnreadable when the first row has no column `url`.
    """
    columns: dict[str, int] = {}
    for row in _rows(text_of(file)):
        if isinstance(row, Unreadable):
            yield row
        elif columns:
            place, cells = row
            values = {name: cells[at] for name, at in columns.items() if at < len(cells)}
            if _REST in columns:
                values = {name: _unguarded(cell) for name, cell in values.items()}
            yield entry(place, _fields(values), rest=values.get(_REST))
        else:
            columns = columns_of(row[1])
    if not columns:
        raise ImportUnreadable("There is no row in this CSV file.")


def columns_of(names: Sequence[str]) -> dict[str, int]:
    """Return where each column is, from the first row. Raises ImportUnreadable when `url` is not among them."""
    columns = {name.strip().lower(): at for at, name in enumerate(names)}
    if "url" not in columns:
        raise ImportUnreadable("The first line of a CSV file must name its columns, and `url` must be one of them.")
    return columns


class PocketWriter:
    """Writes Pocket's columns, and one more for the fields that only Daybook reads."""

    media_type = "text/csv; charset=utf-8"
    filename = "bookmarks.csv"

    def head(self) -> bytes:
        """Return the row that names the columns."""
        return _csv([_COLUMNS])

    def items(self, batch: Sequence[NewContent]) -> bytes:
        """Return a row for each bookmark of `batch`."""
        return _csv(map(_written, batch))

    def tail(self) -> bytes:
        """Return the end of the file, which is empty."""
        return b""


def _fields(cells: dict[str, str]) -> dict[str, object]:
    """The fields of the format's own columns, named as by record.fields_of."""
    tags = cells.get("tags")
    return {
        "url": cells.get("url"),
        "title": cells.get("title"),
        "tags": tags.split("|") if tags else [],
        "createdAt": moment_of(cells.get("time_added")),
    }


def _written(record: NewContent) -> list[str]:
    cells = {
        "title": record.title,
        "url": record.url,
        "time_added": str(int(record.created_at.timestamp())) if record.created_at else "",
        "tags": "|".join(tag for tag in record.tags if "|" not in tag),
        "status": "unread",
    }
    return [*map(_guarded, cells.values()), rest_of(record, _fields(cells))]


def _guarded(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


class _Lines(Iterator[str]):
    """The lines of a file for csv.reader, which takes as many as a row needs: all of them for an unclosed quotation.

    `room` is how many characters it may still take; beyond that, csv.Error is raised.
    """

    def __init__(self, pieces: Iterable[str]) -> None:
        self._lines = _lines(pieces)
        self.read = 0
        self.room = 0

    def __next__(self) -> str:
        line = next(self._lines)
        self.read += 1
        self.room -= len(line)
        if self.room < 0:
            raise csv.Error
        return line


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    # Neither str.splitlines nor a file's own lines: those end at characters that are part of a text in CSV.
    pending = ""
    for piece in pieces:
        *lines, pending = (pending + piece).split("\n")
        yield from (f"{line}\n" for line in lines)
        if len(pending) > ENTRY_LIMIT:
            yield pending
            pending = ""
    if pending:
        yield pending


def _rows(pieces: Iterable[str]) -> Iterator[tuple[str, list[str]] | Unreadable]:
    """Yield the rows that are not blank, each with its place."""
    lines = _Lines(pieces)
    reader = csv.reader(lines)
    while True:
        place, lines.room = f"line {lines.read + 1}", ENTRY_LIMIT
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Unreadable(place, "The row that begins here is not CSV, or does not end.")
        else:
            if row:
                yield place, row
