"""What is exported is imported again as it was, in every format; and what is imported is within the limits."""

import io
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daybook.addresses import parse_url
from daybook.library.bookmark_files import HEAD, BookmarkFormat, Unreadable, detect, read, writer_for
from daybook.library.enums import ContentType
from daybook.library.errors import ImportUnreadable
from daybook.library.new_content import NewContent

FORMATS = list(BookmarkFormat)


def written(kind: BookmarkFormat, *batches: list[NewContent]) -> bytes:
    writer = writer_for(kind)
    return b"".join([writer.head(), *map(writer.items, batches), writer.tail()])


def only(kind: BookmarkFormat, data: bytes) -> NewContent | Unreadable:
    [found] = read(kind, io.BytesIO(data))
    return found


def from_json(fields: str) -> NewContent | Unreadable:
    return only(BookmarkFormat.JSON, f"[{fields}]".encode())


AWKWARD = [
    "=",
    "'",
    "@",
    "+",
    *(
        "</A>",
        "<DT><A HREF=x>",
        "<!--",
        "-->",
        "<script>",
        "&amp;",
        "&",
        "&region=",
        '"',
        "'",
        "=",
        ",",
        "|",
        "/",
        "\\",
    ),
    *(
        "\n",
        "\r",
        "\r\n",
        "\t",
        "\x1f",
        "\x85",
        "\u2028",
        "\u3000",
        "  ",
        "김치찌개",
        "👩‍👩‍👧",
        "\ufeff",
        "=1+1",
        '{"a":',
    ),
]
text = st.lists(st.one_of(st.sampled_from(AWKWARD), st.text(max_size=5)), max_size=8).map(
    lambda parts: unicodedata.normalize("NFC", "".join(parts).replace("\x00", ""))
)
addresses = st.builds(
    "{}://{}{}".format,
    st.sampled_from(["http", "https", "HTTPS"]),
    st.sampled_from(["a.example", "김치.example:8080", "[::1]"]),
    st.sampled_from(["", "/", "/?a=1&region=KR&copy=2&amp;b", "/가/%EA%B0%80", "/\"<>'", "/\u00e9 |,#x"]),
).map(lambda typed: str(parse_url(typed)))
names = text.map(lambda name: name.strip()[:50].strip()).filter(bool)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.builds(
    lambda moment, zone: moment.astimezone(zone),
    st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31, 23, 59, 59, 999_999), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis takes naive bounds
    zones,
)
bookmarks = st.builds(
    NewContent,
    url=addresses,
    title=text.filter(lambda title: bool(title) and not title.isspace()),
    content_type=st.sampled_from([*ContentType, None]),
    description=st.none() | text,
    note=st.none() | text,
    thumbnail=st.none() | addresses,
    favicon=st.none() | addresses,
    bookmark=st.booleans(),
    video_length=st.none() | st.integers(0, 31_536_000),
    body=st.none() | text,
    tags=st.lists(names, unique=True, max_size=5).map(tuple),
    created_at=st.none() | moments,
    saved_on=st.none() | st.dates(date(1970, 1, 1), date(2199, 12, 31)),
)
FULL = NewContent(
    url="https://example.org/" + "a" * 2028,
    title='"' * 500,
    content_type=ContentType.POST,
    description="'" * 2_000,
    note="\x01" * 10_000,
    thumbnail="https://example.org/" + "&" * 2028,
    favicon="https://example.org/" + "'" * 2028,
    body='"' * 100_000,
    tags=tuple(f"{number:02}{',' * 24}{'|' * 24}" for number in range(50)),
)


@pytest.mark.parametrize("kind", FORMATS)
@given(records=st.lists(bookmarks, max_size=4))
@example(records=[FULL, FULL])
@settings(max_examples=80, deadline=None)
def test_what_is_written_is_read_again_as_it_was(kind: BookmarkFormat, records: list[NewContent]) -> None:
    data = written(kind, records[:1], [], records[1:])
    assert detect(data[:HEAD]) == kind
    assert list(read(kind, io.BytesIO(data))) == records


def test_a_plain_bookmark_is_written_as_other_programs_write_it() -> None:
    record = NewContent(
        "https://a.example/?a=1&b=2",
        "Fish & <chips>",
        tags=("food", "uk"),
        created_at=datetime(2020, 1, 1, tzinfo=UTC),
    )
    assert written(BookmarkFormat.NETSCAPE, [record]).decode().splitlines()[5:6] == [
        '<DT><A HREF="https://a.example/?a=1&amp;b=2" ADD_DATE="1577836800" TAGS="food,uk">Fish &amp; &lt;chips&gt;</A>'
    ]
    assert written(BookmarkFormat.POCKET, [record]).decode().splitlines() == [
        "title,url,time_added,tags,status,daybook",
        "Fish & <chips>,https://a.example/?a=1&b=2,1577836800,food|uk,unread,",
    ]


def test_a_title_stays_on_one_line_for_browsers_that_read_by_lines() -> None:
    data = written(BookmarkFormat.NETSCAPE, [NewContent("https://example.org/", "one\ntwo", description="a\nb")])
    assert b">one two</A>\n<DD>a\nb\n" in data


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("<!DOCTYPE NETSCAPE-Bookmark-file-1>", "netscape"),
        ("\n\n<!doctype netscape-bookmark-file-1>", "netscape"),
        ('<HTML><BODY><DL><p>\n<DT>\n <A HREF="x">', "netscape"),
        ('<html><ul><li><a href="x" time_added="1">', "netscape"),
        ("title,url,time_added,tags,status\r\na,b", "pocket"),
        ('"URL" , "Title"\n', "pocket"),
        ("url", "pocket"),
        (' {"version": 1', "json"),
        ("[]", "json"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_tells_its_format(head: str, kind: str, encoding: str) -> None:
    assert detect(head.encode(encoding)) == kind


@pytest.mark.parametrize(
    "head",
    [b"", b" \n", b"<html><p>a page</p>", b"<?xml version='1.0'?>", b"name,address\n", b"\x89PNG\r\n", b"PK\x03\x04"],
)
def test_a_file_of_another_kind_is_refused_with_what_is_taken(head: bytes) -> None:
    with pytest.raises(ImportUnreadable, match=r"browser.*Pocket.*JSON"):
        detect(head)


@pytest.mark.parametrize(
    "url",
    [
        *("", "  ", "example.org", "/a", "mailto:a@b.example", "javascript:alert(1)", "place:sort=8", "chrome://flags"),
        *("file:///etc/passwd", "http:", "http://", "http://[::1", "http://a:99999/", "http://a b/"),
        *("https://user:secret@a.example/", "https://example.org/" + "a" * 2029, "https://example.org/" + "김" * 300),
    ],
)
def test_what_is_no_address_of_the_web_is_unreadable(url: str) -> None:
    assert isinstance(from_json(f'{{"url": "{url}", "title": "a"}}'), Unreadable)


def test_an_address_is_taken_as_browsers_take_it() -> None:
    found = from_json(r'{"url": " \u0001https://exa\nmple.org/a\u0000b\ud800 "}')
    assert found == NewContent("https://example.org/ab", "https://example.org/ab")


def test_texts_are_cut_cleaned_and_normalised() -> None:
    spelled = unicodedata.normalize("NFD", "각")
    found = from_json(
        f'{{"url": "https://example.org/", "title": "a\\u0000\\ud83d{spelled * 600}",'
        f' "description": "{spelled * 3000}",'
        f' "note": "{"n" * 10_001}", "body": "{spelled}e\u0301{"b" * 100_000}",'
        f' "tags": [" {"t" * 49} x", "", " ", "a", "a ", {{"tagname": "{spelled}"}}]}}'
    )
    assert found == NewContent(
        "https://example.org/",
        "a" + "각" * 499,
        description="각" * 2000,
        note="n" * 10_000,
        body="각é" + "b" * 99_998,
        tags=("t" * 49, "a", "각"),
    )


def test_more_than_fifty_tags_are_left_out() -> None:
    tags = ",".join(f'"{number}"' for number in range(60))
    found = from_json(f'{{"url": "https://example.org/", "tags": [{tags}]}}')
    assert isinstance(found, NewContent)
    assert found.tags == tuple(map(str, range(50)))


@pytest.mark.parametrize("title", ["null", '""', '" \\n"'])
def test_a_bookmark_without_a_title_gets_its_address(title: str) -> None:
    assert from_json(f'{{"url": "https://example.org/", "title": {title}}}') == NewContent(
        "https://example.org/", "https://example.org/"
    )


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("createdAt", '"2026-11-22T10:00:00.5+09:00"', datetime(2026, 11, 22, 1, 0, 0, 500_000, tzinfo=UTC)),
        ("createdAt", '"2026-11-22T10:00:00"', datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("createdAt", '"1969-12-31T23:59:59Z"', None),
        ("createdAt", '"2200-01-01T00:00:00Z"', None),
        ("createdAt", '"0001-01-01T00:00:00+14:00"', None),
        ("savedOn", '"2026-11-22"', date(2026, 11, 22)),
        ("savedOn", '"1969-12-31"', None),
        ("contentType", '"article"', None),
        ("contentType", '"VIDEO"', "video"),
        ("videoLength", "12.5", 12),
        ("videoLength", "-1", None),
        ("videoLength", "1e999", None),
        ("videoLength", "NaN", None),
        ("favicon", '"data:image/png;base64,AAAA"', None),
        ("thumbnail", '"/a.png"', None),
        ("bookmark", "null", False),
    ],
)
def test_a_value_out_of_range_is_left_out(field: str, value: str, kept: object) -> None:
    found = from_json(f'{{"url": "https://example.org/", "{field}": {value}}}')
    name = {
        "createdAt": "created_at",
        "savedOn": "saved_on",
        "contentType": "content_type",
        "videoLength": "video_length",
    }
    assert getattr(found, name.get(field, field)) == kept


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "1"),
        ("title", "[]"),
        ("bookmark", "1"),
        ("videoLength", '"12"'),
        ("videoLength", "true"),
        ("createdAt", '"yesterday"'),
        ("savedOn", '"2026-02-30"'),
        ("tag", '0, "tags": "a"'),
        ("tag", '0, "tags": [1]'),
        ("tag", '0, "tags": [{"name": "a"}]'),
    ],
)
def test_a_value_of_another_type_makes_the_entry_unreadable_and_says_which(field: str, value: str) -> None:
    found = from_json(f'{{"url": "https://example.org/", "{field}": {value}}}')
    assert isinstance(found, Unreadable)
    assert found.place == "item 1"
    assert field in found.reason
