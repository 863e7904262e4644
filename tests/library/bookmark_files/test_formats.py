"""Bookmarks as other programs export them."""

import io
from datetime import UTC, datetime

import pytest

from daybook.library.bookmark_files import BookmarkFormat, Unreadable, detect, read
from daybook.library.errors import ImportUnreadable
from daybook.library.new_content import NewContent

HEAD = """<!DOCTYPE NETSCAPE-Bookmark-file-1>
<!-- This is an automatically generated file.
     It will be read and overwritten.
     DO NOT EDIT! -->
<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">
<TITLE>Bookmarks</TITLE>
<H1>Bookmarks</H1>
"""

CHROME = f"""{HEAD}<DL><p>
    <DT><H3 ADD_DATE="1577836800" LAST_MODIFIED="0" PERSONAL_TOOLBAR_FOLDER="true">북마크바</H3>
    <DL><p>
        <DT><A HREF="https://one.example/?a=1&region=KR&copy=2&lt=3" ADD_DATE="1577836800" \
ICON="data:image/png;base64,AA==">One &amp; &#39;only&#39;</A>
        <DT><H3 ADD_DATE="1577836800" LAST_MODIFIED="0">요리</H3>
        <DL><p>
            <DT><H3>한식/찌개</H3>
            <DL><p>
                <DT><A HREF="https://two.example/" ADD_DATE="0">김치찌개</A>
            </DL><p>
            <DT><A HREF="javascript:(()=>{{alert('>')}})()" ADD_DATE="1577836800">A bookmarklet</A>
        </DL><p>
        <DT><A HREF="chrome://settings/" ADD_DATE="1577836800">Settings</A>
    </DL><p>
    <DT><H3>기타 북마크</H3>
    <DL><p>
        <DT><H3>Bookmarks bar</H3>
        <DL><p>
            <DT><A HREF="https://three.example/" ADD_DATE="1577836800"></A>
        </DL><p>
    </DL><p>
    <DT><A HREF="https://four.example/">Four</A>
</DL><p>
"""

FIREFOX = f"""{HEAD.replace("<H1>Bookmarks", "<H1>Bookmarks Menu")}
<DL><p>
    <DT><A HREF="place:sort=8&maxResults=10" ADD_DATE="1510801108">Most Visited</A>
    <HR>    <DT><H3 ADD_DATE="1577836800">Recipes</H3>
    <DD>What I cook
    <DL><p>
        <DT><A HREF="https://one.example/" ADD_DATE="1577836800" LAST_MODIFIED="1577836801" \
ICON_URI="https://one.example/favicon.ico" ICON="data:image/png;base64,AA==" SHORTCUTURL="k" TAGS="korean,stew">One</A>
        <DD>A description
        <HR>
        <DT><A HREF="https://two.example/" ADD_DATE="1577836800000000" ICON_URI="fake-favicon-uri:https://two.example/">Two</A>
    </DL><p>
    <DT><H3 PERSONAL_TOOLBAR_FOLDER="true">Bookmarks Toolbar</H3>
    <DD>Add bookmarks to this folder to see them displayed on the Bookmarks Toolbar
    <DL><p>
        <DT><A HREF="https://three.example/" ADD_DATE="1577836800000">Three</A>
    </DL><p>
    <DT><H3 UNFILED_BOOKMARKS_FOLDER="true">Andere Lesezeichen</H3>
    <DL><p>
        <DT><A HREF="https://four.example/">Four</A>
    </DL><p>
</DL>
"""

SAFARI = """<!DOCTYPE NETSCAPE-Bookmark-file-1>
\t<HTML>
\t<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">
\t<Title>Bookmarks</Title>
\t<H1>Bookmarks</H1>
\t<DT><H3 FOLDED>Favourites</H3>
\t<DL><p>
\t\t<DT><A HREF="https://one.example/">One</A>
\t\t<DT><H3 FOLDED>Travel</H3>
\t\t<DL><p>
\t\t\t<DT><A HREF="https://two.example/">Two</A>
\t\t</DL><p>
\t</DL><p>
\t<DT><A HREF="https://three.example/">Three</A>
\t<DT><H3 FOLDED id="com.apple.ReadingList">Reading List</H3>
\t<DL><p>
\t\t<DT><A HREF="https://four.example/">Four</A>
\t</DL><p>
</HTML>
"""

PINBOARD = """<!DOCTYPE NETSCAPE-Bookmark-file-1>
<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">
<TITLE>Pinboard Bookmarks</TITLE>
<H1>Bookmarks</H1>
<DL><p><DT><A HREF="https://one.example/" ADD_DATE="1577836800" PRIVATE="0" TOREAD="1" TAGS="c,c++">One</A>
<DD>First line &lt;b&gt;
second <i>line</i>.

<DT><A HREF='https://two.example/' ADD_DATE='1577836800' PRIVATE='1' TOREAD='0' TAGS=''>Two &lt;/A&gt;</A>

</DL></p>
"""

POCKET_HTML = """<!DOCTYPE html>
<html>
<!--So long and thanks for all the fish-->
<head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8" /><title>Pocket Export</title></head>
<body>
<h1>Unread</h1>
<ul>
<li><a href="https://one.example/" time_added="1577836800" tags="korean,stew">One</a></li>
<li><a href="https://two.example/" time_added="1577836800" tags="">https://two.example/</a></li>
</ul>
<h1>Read Archive</h1>
<ul>
</ul></body></html>
"""

THEN = datetime(2020, 1, 1, tzinfo=UTC)


def found_in(text: str, encoding: str = "utf-8") -> list[NewContent | Unreadable]:
    data = text.encode(encoding)
    return list(read(detect(data[:4096]), io.BytesIO(data)))


def test_chrome() -> None:
    assert found_in(CHROME) == [
        NewContent("https://one.example/?a=1&region=KR&copy=2&lt=3", "One & 'only'", created_at=THEN),
        NewContent("https://two.example/", "김치찌개", tags=("요리", "한식/찌개")),
        Unreadable("line 18", "An address must begin with http:// or https://."),
        Unreadable("line 20", "An address must begin with http:// or https://."),
        NewContent("https://three.example/", "https://three.example/", created_at=THEN),
        NewContent("https://four.example/", "Four"),
    ]


def test_firefox() -> None:
    assert found_in(FIREFOX) == [
        Unreadable("line 10", "An address must begin with http:// or https://."),
        NewContent(
            "https://one.example/",
            "One",
            description="A description",
            favicon="https://one.example/favicon.ico",
            tags=("Recipes", "korean", "stew"),
            created_at=THEN,
        ),
        NewContent("https://two.example/", "Two", tags=("Recipes",), created_at=THEN),
        NewContent("https://three.example/", "Three", created_at=THEN),
        NewContent("https://four.example/", "Four"),
    ]


def test_safari() -> None:
    assert found_in(SAFARI) == [
        NewContent("https://one.example/", "One"),
        NewContent("https://two.example/", "Two", tags=("Travel",)),
        NewContent("https://three.example/", "Three"),
        NewContent("https://four.example/", "Four", tags=("Reading List",)),
    ]


def test_pinboard() -> None:
    assert found_in(PINBOARD) == [
        NewContent(
            "https://one.example/",
            "One",
            description="First line <b>\nsecond line.",
            tags=("c", "c++"),
            created_at=THEN,
        ),
        NewContent("https://two.example/", "Two </A>", created_at=THEN),
    ]


def test_pockets_older_html() -> None:
    assert found_in(POCKET_HTML) == [
        NewContent("https://one.example/", "One", tags=("korean", "stew"), created_at=THEN),
        NewContent("https://two.example/", "https://two.example/", created_at=THEN),
    ]


@pytest.mark.parametrize(
    "markup",
    [
        "<dt><h3>f</h3><dl><dt><a href=https://a.example/?b=c add_date = 1577836800 >t</a></dl>",
        "<DT><H3>f</H3><DL><DT><A\nHREF='https://a.example/?b=c'\nADD_DATE='1577836800'>t</A></DL>",
    ],
)
def test_tags_are_read_in_either_case_and_with_any_quotation_marks(markup: str) -> None:
    assert found_in(markup) == [NewContent("https://a.example/?b=c", "t", tags=("f",), created_at=THEN)]


def test_a_list_closed_too_often_and_one_never_closed() -> None:
    assert found_in(
        "</DL><DT><H3>f</H3><DL><p></DL></DL></DL><DT><A HREF=http://a.example/>a</A><DL><DT><A HREF=http://b.example/>"
    ) == [
        NewContent("http://a.example/", "a"),
        NewContent("http://b.example/", "http://b.example/"),
    ]


def test_a_folder_named_as_a_browsers_own_is_a_tag_where_somebody_made_it() -> None:
    made = "<DT><H3>Mine</H3><DL><DT><H3>Bookmarks bar</H3><DL><DT><A HREF=http://a.example/>a</A></DL></DL>"
    assert found_in(made) == [NewContent("http://a.example/", "a", tags=("Mine", "Bookmarks bar"))]


def test_unescaped_markup_in_a_title_costs_nothing_else() -> None:
    assert found_in(
        "<DT><A HREF=http://a.example/>How <script> and <![CDATA[ ]> work, 1 < 2 </ 3 &#x1F35C; &bogus;</A>\n"
        '<DT><A HREF="http://b.example/" TITLE=5" x>b</A>'
    ) == [
        NewContent("http://a.example/", "How and work, 1 < 2 </ 3 🍜 &bogus;"),
        NewContent("http://b.example/", "b"),
    ]


def test_pocket_csv() -> None:
    assert found_in(
        "title,url,time_added,tags,status\n"
        "One,https://one.example/,1577836800,korean|stew,unread\n"
        '"Two, ""too""",https://two.example/,,,archive\n'
        "\n"
        "No address,,1577836800,,unread\n"
        "Short,https://three.example/\n",
    ) == [
        NewContent("https://one.example/", "One", tags=("korean", "stew"), created_at=THEN),
        NewContent("https://two.example/", 'Two, "too"'),
        Unreadable("line 5", "It has no address."),
        NewContent("https://three.example/", "Short"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_pocket_csv_with_other_columns_in_another_order(encoding: str) -> None:
    assert found_in("Folder,URL, Title \r\nx,https://one.example/,김치\r\n", encoding) == [
        NewContent("https://one.example/", "김치")
    ]


def test_a_csv_file_that_names_no_column_for_the_address_is_refused() -> None:
    for data in (b"", b"\n", b"a,b\nc,d\n"):
        with pytest.raises(ImportUnreadable):
            next(read(BookmarkFormat.POCKET, io.BytesIO(data)))


@pytest.mark.parametrize(
    "text",
    [
        '[{"url": "https://a.example/", "title": "a"}]',
        '{"count": 12, "deep": {"contents": []}, "contents": [{"url": "https://a.example/", "title": "a"}], "more": 1}',
    ],
)
def test_json_as_a_list_or_with_one(text: str) -> None:
    assert found_in(text) == [NewContent("https://a.example/", "a")]


@pytest.mark.parametrize("text", ["[]", ' { "contents" : [ ] } '])
def test_json_without_bookmarks_is_none(text: str) -> None:
    assert found_in(text) == []


@pytest.mark.parametrize(
    "text", ["{}", "{", '{"contents": {}}', '{"contents": 1}', '{"items": []}', "nothing", "1", ""]
)
def test_json_without_a_list_is_refused(text: str) -> None:
    with pytest.raises(ImportUnreadable):
        next(read(BookmarkFormat.JSON, io.BytesIO(text.encode())))
