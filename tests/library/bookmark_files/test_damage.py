"""Damaged and hostile files are read as far as they can be, in bounded memory, and without holding up other threads."""

import collections
import contextlib
import io
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import chain, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daybook.library.bookmark_files import BookmarkFormat, Unreadable, read, writer_for
from daybook.library.errors import ImportUnreadable
from daybook.library.new_content import NewContent

FORMATS = list(BookmarkFormat)
ONE = NewContent("https://one.example/", "One")
TWO = NewContent("https://two.example/", "둘")


class Pieces(io.BytesIO):
    """A file that gives these pieces, each at one reading."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces = iter(pieces)

    def read(self, _size: int | None = -1, /) -> bytes:
        return next(self._pieces, b"")


def export(kind: BookmarkFormat, batches: Iterable[list[NewContent]]) -> Iterator[bytes]:
    writer = writer_for(kind)
    yield writer.head()
    yield from map(writer.items, batches)
    yield writer.tail()


def found_in(kind: BookmarkFormat, data: bytes) -> list[NewContent | Unreadable]:
    return list(read(kind, io.BytesIO(data)))


PARTS = """
    < > </ <!-- --> <![ <? <a <A HREF= HREF=" HREF=' </a> <dt> <dl> </dl> <h3> </h3> <dd> = " ' & &# &amp; &#55296;
    &#99999999999; [ ] { } : , | "contents" "url" {"url": "https://a.example/" https://a.example/ 12 1e999 \\ud800 \\
    DATA-DAYBOOK=' daybook {"tags":1}
""".split()  # noqa: SIM905 - a list of them would be four times as long
PARTS += [" ", "\n", "\r", "9" * 5000, "\u0301"]


@pytest.mark.parametrize("kind", FORMATS)
@given(
    parts=st.lists(st.one_of(st.sampled_from(PARTS).map(str.encode), st.binary(max_size=4)), max_size=60),
    few=st.integers(1, 9),
)
@settings(max_examples=80, deadline=None)
def test_no_bytes_raise_and_where_they_are_cut_makes_no_difference(
    kind: BookmarkFormat, parts: list[bytes], few: int
) -> None:
    data = {BookmarkFormat.POCKET: b"url,title,daybook\n", BookmarkFormat.JSON: b"["}.get(kind, b"") + b"".join(parts)
    slowly = Pieces(data[at : at + few] for at in range(0, len(data), few))
    assert list(read(kind, slowly)) == found_in(kind, data)


@pytest.mark.parametrize("kind", FORMATS)
def test_bytes_that_are_no_text_are_replaced(kind: BookmarkFormat) -> None:
    data = b"".join(export(kind, [[ONE, TWO]])).replace("둘".encode(), b"\xb5\xd1")
    assert found_in(kind, data) == [ONE, NewContent(TWO.url, "\ufffd\ufffd")]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_cut_off_gives_what_came_before(kind: BookmarkFormat) -> None:
    data = b"".join(export(kind, [[ONE, TWO]]))
    cut = data[: data.index(b"two.example") + 2]
    first, second = found_in(kind, cut)
    assert first == ONE
    if kind == BookmarkFormat.POCKET:  # in which nothing tells that a row is cut off
        assert second == NewContent("https://tw/", TWO.title)
    else:
        assert isinstance(second, Unreadable)


def test_json_is_read_up_to_where_it_is_damaged() -> None:
    data = b'[{"url": "https://one.example/", "title": "One"}, 5, {"url" "https://two.example/"}, {"url": "x"}]'
    first, second, third = found_in(BookmarkFormat.JSON, data)
    assert (first, second) == (ONE, Unreadable("item 2", "This is not an object."))
    assert third == Unreadable("item 3", "The JSON ends or is damaged here; what follows could not be read.")


@pytest.mark.parametrize("damaged", ["{", "[]", '{"tags":1}'])
def test_damage_to_what_daybook_wrote_makes_the_entry_unreadable(damaged: str) -> None:
    markup = (
        f"<DT><A HREF=https://one.example/ DATA-DAYBOOK='{damaged}'>One</A>"
        f"<DT><A HREF=https://two.example/ DATA-DAYBOOK='{{}}'>둘</A>"
    )
    first, second = found_in(BookmarkFormat.NETSCAPE, markup.encode())
    assert isinstance(first, Unreadable)
    assert second == TWO


def test_an_unclosed_tag_costs_a_bounded_part_of_the_file() -> None:
    markup = b'<DT><A HREF="https://one.example/">One</A>\n<DT><A HREF="' + b"\n" * 1_200_000
    markup += b'<DT><A HREF="https://two.example/">\xeb\x91\x98</A>'
    first, second, third = found_in(BookmarkFormat.NETSCAPE, markup)
    assert (first, third) == (ONE, TWO)
    assert second == Unreadable("line 2", "A tag that begins here does not end.")


def test_an_unclosed_quotation_mark_costs_a_bounded_part_of_the_file() -> None:
    rows = b'title,url\nOne,https://one.example/\n"x,' + b"x,https://x.example/\n" * 60_000
    rows += "둘,https://two.example/".encode()
    found = found_in(BookmarkFormat.POCKET, rows)
    assert (found[0], found[-1]) == (ONE, TWO)
    assert found[1] == Unreadable("line 3", "The row that begins here is not CSV, or does not end.")
    assert len(found) > 5_000


def test_an_endless_entry_ends_the_reading_of_json() -> None:
    endless = chain([b'[{"url": "'], repeat(b"x" * 65_536))
    [found] = read(BookmarkFormat.JSON, Pieces(endless))
    assert isinstance(found, Unreadable)


@pytest.mark.parametrize("kind", FORMATS)
def test_memory_does_not_grow_with_the_file(kind: BookmarkFormat) -> None:
    record = NewContent("https://one.example/", "김치찌개", body="끓인다. " * 600, tags=("요리", "한식"))
    file = Pieces(export(kind, repeat([record] * 10, 60)))  # 5 MB
    tracemalloc.start()
    try:
        assert sum(isinstance(entry, NewContent) for entry in read(kind, file)) == 600
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


HOSTILE = {
    "unclosed tags": b"<a ",
    "unclosed quotations": b'<a href="',
    "angle brackets": b"<",
    "declarations": b"<!",
    "comments": b"<!--",
    "end tags": b"</",
    "references": b"&#",
    "lists": b"<dl><dt><h3>x</h3>",
    "attributes": b"a=",
    "quotation marks": b'"',
    "brackets": b"[",
    "braces": b'{"contents":',
    "numbers": b"9",
    "backslashes": b"\\",
    "commas": b",",
    "accents": "\u0315\u0300".encode(),
    "one long title": b"x",
    "line breaks": b"\n",
}
BEGINNINGS = {
    BookmarkFormat.NETSCAPE: [b"<a ", b"<a href='http://a.example/'>", b"<a href='http://a.example/'>a</a><dd>"],
    BookmarkFormat.POCKET: [b"url,title\n", b'url,title\n"', b"url,title\nhttp://a.example/,"],
    BookmarkFormat.JSON: [b"", b"[", b'["', b'[{"url": "http://a.example/", "title": "', b'{"x": '],
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("pattern", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_pattern_takes_more_than_linear_time(kind: BookmarkFormat, pattern: bytes) -> None:
    block = pattern * (2**16 // len(pattern))
    for beginning in BEGINNINGS[kind]:
        began = time.thread_time()
        with contextlib.suppress(ImportUnreadable):
            collections.deque(read(kind, Pieces(chain([beginning], repeat(block, 17)))), maxlen=0)
        assert time.thread_time() - began < 10  # seconds for 1.1 MB
