"""CSV that a spreadsheet takes for text, and that Daybook reads back as it was."""

import csv
import io

import pytest

from daybook.library.bookmark_files import BookmarkFormat, read, writer_for
from daybook.library.new_content import NewContent


def written(records: list[NewContent]) -> bytes:
    writer = writer_for(BookmarkFormat.POCKET)
    return writer.head() + writer.items(records) + writer.tail()


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "'=", "''@"])
def test_a_spreadsheet_finds_no_formula_and_what_is_read_back_is_the_same(begin: str) -> None:
    record = NewContent(url="https://a.example/", title=f"{begin}HYPERLINK(1)", tags=(f"{begin.strip() or 'x'}tag",))
    data = written([record])
    for cell in list(csv.reader(io.StringIO(data.decode(), newline="")))[1]:
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    [found] = read(BookmarkFormat.POCKET, io.BytesIO(data))
    assert isinstance(found, NewContent)
    assert (found.title, found.tags) == (record.title, record.tags)


def test_a_file_of_pocket_itself_is_read_as_it_is() -> None:
    [found] = read(BookmarkFormat.POCKET, io.BytesIO(b"title,url\n'=1,https://a.example/\n"))
    assert isinstance(found, NewContent)
    assert found.title == "'=1"
