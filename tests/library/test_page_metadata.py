"""What is read from a page, and the preview of a link as a whole."""

import asyncio
import json
import time
import unicodedata
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybook.library.errors import PageRefused
from daybook.library.page_metadata import OEmbed, PageMetadata, read_metadata, read_oembed
from daybook.library.page_preview import preview
from tests.fixtures.web_pages import Behaviour, WebServer, answering, fetching, forever, serving, silence

PAGE = "https://example.com/recipes/kimchi"


def read(html: str | bytes, content_type: str = "text/html") -> PageMetadata:
    return read_metadata(PAGE, html.encode() if isinstance(html, str) else html, content_type)


def test_everything_a_video_page_says() -> None:
    metadata = read("""
        <!doctype html><html lang="ko-KR"><head><meta charset="utf-8">
        <title>김치찌개 - 영상</title>
        <meta name="description" content="짧은 설명">
        <meta property="og:type" content="video.other">
        <meta property="og:title" content="백종원의 &quot;김치찌개&quot; &amp; 밥">
        <meta property="og:description" content="  끓이는
            방법 ">
        <meta property="og:image" content="/thumbs/1.jpg?a=1&copy=2">
        <meta property="og:site_name" content="요리">
        <meta property="og:video:duration" content="253">
        <link rel="shortcut icon" href="icons/small.png" sizes="16x16">
        <link rel="icon" href="icons/right.png" sizes="48x48">
        <link rel="alternate" type="application/json+oembed" href="/oembed?url=x">
        </head><body>""")
    assert metadata == PageMetadata(
        title='백종원의 "김치찌개" & 밥',
        description="끓이는 방법",
        thumbnail="https://example.com/thumbs/1.jpg?a=1&copy=2",
        favicon="https://example.com/recipes/icons/right.png",
        site_name="요리",
        language="ko-KR",
        content_type="video",
        video_length=253,
        oembed_url="https://example.com/oembed?url=x",
    )


def test_a_page_that_says_nothing() -> None:
    favicon = "https://example.com/favicon.ico"
    assert read(b"") == PageMetadata(None, None, None, favicon, None, None, "post", None, None)


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title>plain</title>", "plain"),
        ("<TITLE >a\n <b> &lt;c&gt;</TITLE>", "a <b> <c>"),
        ("<title></title><meta name=twitter:title content=card>", "card"),
        ("<title>a</title><meta name='og:title' content=named>", "named"),
        ("<meta property=og:title content='  '><meta property=OG:Title content=second>", "second"),
        ("<meta property=og:title content='a > b'>", "a > b"),
        ('<meta property="og:title"content="a"b"/>', "a"),
        ("<!-- <title>old</title> --><title>new</title>", "new"),
        ("<!--><title>new</title>", "new"),
        ("<script>'<title>no</title>'</script><title>yes</title>", "yes"),
        ("<textarea><meta property=og:title content=no></textarea><title>yes</title>", "yes"),
        ("<title>never closed <meta property=og:title content=no>", "never closed <meta property=og:title content=no>"),
        ("<metadata property=og:title content=no><title>yes</title>", "yes"),
        ("<title>a\x00b\x1b\u200d\u0085c</title>", "a\ufffdb\u200d c"),
        (f"<title>{unicodedata.normalize('NFD', '김치')}</title>", "김치"),
        (f"<title>{'김' * 600}</title>", "김" * 500),
    ],
)
def test_titles(html: str, title: str) -> None:
    assert read(html).title == title


@pytest.mark.parametrize(
    ("html", "content_type"),
    [
        ("<title>똠방각하</title>".encode("cp949"), "text/html; charset=EUC-KR"),
        ("<meta charset=euc-kr><title>똠방각하</title>".encode("cp949"), "text/html"),
        ("<meta http-equiv=x content='a; charset=ks_c_5601-1987'><title>똠방각하</title>".encode("cp949"), "text/html"),
        ("<?xml version='1.0' encoding='euc-kr'?><title>똠방각하</title>".encode("cp949"), "application/xhtml+xml"),
        ("<meta charset=utf-8><title>똠방각하</title>".encode("cp949"), 'text/html; charset="cp949"'),
        ("<meta charset=euc-kr><title>똠방각하</title>".encode("utf-8-sig"), "text/html; charset=euc-kr"),
        ("<title>똠방각하</title>".encode("utf-16"), "text/html"),
        ("<title>똠방각하</title>".encode("utf-16-be"), "text/html; charset=utf-16be"),
        ("<meta charset=utf-16><title>똠방각하</title>".encode(), "text/html"),
        ("<meta charset=no><meta charset=idna><title>똠방각하</title>".encode(), "text/html; charset=unicode_escape"),
        ("<title>똠방각하</title>".encode(), "text/html"),
    ],
)  # fmt: skip
def test_korean_in_every_character_set(html: bytes, content_type: str) -> None:
    assert read(html, content_type).title == "똠방각하"


def test_other_character_sets_mean_what_browsers_mean() -> None:
    assert read(b"<title>\x80 5</title>", "text/html; charset=iso-8859-1").title == "€ 5"
    assert read("<title>①髙</title>".encode("cp932"), "text/html; charset=shift_jis").title == "①髙"
    assert read("<title>привет</title>".encode("cp1251"), "text/html; charset=windows-1251").title == "привет"
    assert read(b"<title>a\xff\xc0b</title>").title == "a\ufffd\ufffdb"


def linked(*documents: Any) -> str:
    return "".join(f'<script type="application/ld+json">{json.dumps(document)}</script>' for document in documents)


VIDEO = {"@type": "VideoObject", "name": "끓이기", "duration": "PT4M13S", "thumbnailUrl": ["/t.jpg"]}


@pytest.mark.parametrize(
    "html",
    [
        linked(VIDEO),
        linked([{"@type": "Person"}, VIDEO]),
        linked({"@graph": [{"@type": ["WebPage"]}, VIDEO]}),
        linked(VIDEO | {"@type": ["Thing", "VideoObject"], "thumbnailUrl": "https://example.com/t.jpg"}),
        "<script type='application/ld+json'>{broken</script>" + linked(None, 1, "a", [[]], VIDEO),
        linked({"@graph": "nonsense", "@type": 7, "image": {"url": 1}}) + linked(VIDEO),
        f"<script type='application/ld+json'>{'[' * 100_000}</script>" + linked(VIDEO),
    ],
)
def test_linked_data(html: str) -> None:
    metadata = read(html)
    assert (metadata.content_type, metadata.video_length) == ("video", 253)
    assert (metadata.title, metadata.thumbnail) == ("끓이기", "https://example.com/t.jpg")


def test_an_article_that_holds_a_video_is_a_post() -> None:
    metadata = read("<meta property=og:type content=article>" + linked(VIDEO))
    assert (metadata.content_type, metadata.video_length) == ("post", None)


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ("253", 253),
        ("253.9", 253),
        ("PT253S", 253),
        ("PT4M13S", 253),
        ("pt1h2m3.5s", 3723),
        ("P0DT0H4M13S", 253),
        ("P1DT1S", 86_401),
        ("PT2H", 7200),
        ("0", None),
        ("", None),
        ("PT", None),
        ("-5", None),
        ("4:13", None),
        ("NaN", None),
        ("1e400", None),
        ("9" * 12, None),
        ("2147483648", None),
        ("٣", None),
    ],
)
def test_lengths_of_videos(duration: str, seconds: int | None) -> None:
    html = f"<meta property=og:type content=video><meta itemprop=duration content='{duration}'>"
    assert read(html).video_length == seconds


@pytest.mark.parametrize(
    ("html", "thumbnail"),
    [
        ("<meta property=og:image content=//cdn.example.com/a.png>", "https://cdn.example.com/a.png"),
        ("<meta property=og:image content=a.png>", "https://example.com/recipes/a.png"),
        ("<base href=/static/><meta property=og:image content=a.png>", "https://example.com/static/a.png"),
        ("<base href='javascript:1'><meta property=og:image content=/a.png>", "https://example.com/a.png"),
        ("<meta property=og:image content='data:image/png,x'><meta name=twitter:image content=/b>", "https://example.com/b"),
        ("<link rel=image_src href='/사진.png'>", "https://example.com/%EC%82%AC%EC%A7%84.png"),
        ("<meta itemprop=image content='https://example.com/c'>", "https://example.com/c"),
        (linked({"@type": "Article", "image": {"url": "/d"}}), "https://example.com/d"),
        ("<meta property=og:image content='javascript:alert(1)'>", None),
        ("<meta property=og:image content='file:///etc/passwd'>", None),
        ("<meta property=og:image content='https://me:pw@example.com/'>", None),
        ("<meta property=og:image content='https://[::1'>", None),
        (f"<meta property=og:image content='/{'a' * 3000}'>", None),
        (f"<meta property=og:image content='/{'김' * 300}'>", None),
        ("<meta property=og:image content=''>", None),
    ],
)  # fmt: skip
def test_thumbnails_are_addresses_of_the_web(html: str, thumbnail: str | None) -> None:
    assert read(html).thumbnail == thumbnail


@pytest.mark.parametrize(
    ("html", "favicon"),
    [
        ("", "/favicon.ico"),
        ("<base href='https://cdn.test/'>", "/favicon.ico"),
        ("<link rel=icon href=/16 sizes=16x16><link rel=apple-touch-icon href=/180 sizes=180x180>", "/180"),
        ("<link rel=icon href=/192 sizes=192x192><link rel='shortcut ICON' href=/any>", "/any"),
        ("<link rel=icon href=/svg sizes=any><link rel=icon href=/16 sizes=16X16>", "/svg"),
        ("<link rel=icon href='data:image/png,x'><link rel=icon href=/b>", "/b"),
        ("<link rel=mask-icon href=/mask>", "/favicon.ico"),
    ],
)
def test_favicons(html: str, favicon: str) -> None:
    assert read(html).favicon == f"https://example.com{favicon}"


@pytest.mark.parametrize(
    ("html", "language"),
    [
        ("<html lang=ko>", "ko"),
        ("<html lang='zh_Hant-TW'>", "zh-Hant-TW"),
        ("<html lang=''><meta property=og:locale content=ko_KR>", "ko-KR"),
        ("<html lang='<script>'>", None),
        (f"<html lang={'a-' * 100}a>", None),
    ],
)
def test_languages(html: str, language: str | None) -> None:
    assert read(html).language == language


PIECES = [
    *[b"<", b">", b"'", b'"', b"=", b" ", b"/", b"\x00", b"\xff\xfe", b"\x1b$B", b"\xed\xa0\x80", "김".encode("cp949")],
    *[b"<!--", b"-->", b"<title", b"</title>", b"<script type=application/ld+json>", b"</script>", b"<html lang="],
    *[
        b"<meta ",
        b"property=og:title ",
        b"property=og:image ",
        b"content=",
        b"charset=utf-16 ",
        b"charset=iso-2022-jp ",
    ],
    *[b"<base href=", b"<link rel=icon href=", b"http://[", b"//", b'{"@graph":[', b'{"@type":"VideoObject"}', b"]}"],
]


@given(st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(PIECES)).map(b"".join)), st.text(max_size=30))
def test_no_page_is_too_broken(html: bytes, content_type: str) -> None:
    metadata = read(html, content_type)
    for text in (metadata.title, metadata.description, metadata.site_name):
        assert text is None or (text == unicodedata.normalize("NFC", text).strip() and "\x00" not in text and text)
    for address in (metadata.thumbnail, metadata.favicon, metadata.oembed_url):
        assert address is None or address.startswith(("http://", "https://"))


SIZE = 1_000_000
HEAVY = {
    "deep": b"<div>" * (SIZE // 5),
    "many attributes": b"<meta " + b" ".join(b"a%d" % n for n in range(SIZE // 8)) + b">",
    "attributes that never end": b"<meta/a=" * (SIZE // 8),
    "quotes that never end": b"<meta a='b\"" * (SIZE // 11),
    "slashes": b"<link" + b"/" * SIZE,
    "nothing but tags": b"<" * SIZE,
    "comments": b"<!-->" * (SIZE // 5),
    "comments that never end": b"<!--" * (SIZE // 4),
    "scripts that never end": b"<script>" * (SIZE // 8),
    "scripts": b"<script></script>" * (SIZE // 17),
    "many metas": b"<meta property=og:title content=a>" * (SIZE // 34),
    "attributes of html": b"".join(b"<html a%d=1>" % n for n in range(SIZE // 14)),
    "linked data": linked([{"@graph": [{}]}] * (SIZE // 17)).encode(),
    "a long title": b"<title>" + b"&amp; " * (SIZE // 6),
}


@pytest.mark.parametrize("html", HEAVY.values(), ids=HEAVY)
def test_no_page_takes_long(html: bytes) -> None:
    started = time.process_time()
    read(b"<title>title</title><link rel=icon href=/a>" + html)
    assert time.process_time() - started < 1  # each takes under 0.1 s; the first took 37 s before, at half the size


@pytest.mark.parametrize(
    ("body", "oembed"),
    [
        (b'{"type":"video","title":"A &#8211; B","thumbnail_url":"https://a.com/t","provider_name":"V","duration":61}',
         OEmbed("A – B", "https://a.com/t", "V", is_video=True, video_length=61)),
        (b'{"type":"rich","title":7,"thumbnail_url":"/relative","duration":"soon"}',
         OEmbed(None, None, None, is_video=False, video_length=None)),
        (b"[]", None),
        (b"<html>", None),
        (b"[" * 100_000, None),
        (b"\xff", None),
    ],
)  # fmt: skip
def test_oembed_answers(body: bytes, oembed: OEmbed | None) -> None:
    assert read_oembed(body) == oembed


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with serving() as web:
        yield web


LINKED_PAGE = b"<title>own</title><link rel=alternate type=application/json+oembed href=/oembed>"
JSON_TYPE = "application/json; charset=utf-8"


async def test_a_preview_of_a_redirected_korean_page(web: WebServer) -> None:
    body = "<title>김치</title><meta property=og:image content=a.png>".encode("cp949")
    web.pages |= {
        "/short": answering(b"", "Location: /recipes/1", status=301),
        "/recipes/1": answering(body, content_type="text/html; charset=euc-kr"),
    }
    async with fetching(web) as fetcher:
        metadata = await preview(fetcher, web.url("/short"))
    assert (metadata.title, metadata.thumbnail) == ("김치", web.url("/recipes/a.png"))


async def test_what_a_page_lacks_comes_from_oembed(web: WebServer) -> None:
    answer = {"type": "video", "title": "theirs", "thumbnail_url": web.url("/t.jpg"), "duration": 61}
    web.pages |= {
        "/": answering(LINKED_PAGE),
        "/oembed": answering(json.dumps(answer).encode(), content_type=JSON_TYPE),
    }
    async with fetching(web) as fetcher:
        metadata = await preview(fetcher, web.url())
    assert (metadata.title, metadata.thumbnail) == ("own", web.url("/t.jpg"))
    assert (metadata.content_type, metadata.video_length) == ("video", 61)


async def test_oembed_is_not_asked_when_nothing_is_missing(web: WebServer) -> None:
    web.pages["/"] = answering(LINKED_PAGE + b"<meta property=og:image content=/a>")
    async with fetching(web) as fetcher:
        await preview(fetcher, web.url())
    assert [asked.line for asked in web.asked] == ["GET / HTTP/1.1"]


@pytest.mark.parametrize(
    "answer",
    [
        silence,
        forever(answering(b"", content_type=JSON_TYPE), b" ", every=0.01),
        answering(b"", status=500),
        answering(b"nonsense", content_type=JSON_TYPE),
        answering(b"{}", content_type="text/html"),
        answering(b"", "Location: http://169.254.169.254/", status=302),
    ],
)
async def test_oembed_fails_no_preview(web: WebServer, answer: bytes | Behaviour) -> None:
    web.pages |= {"/": answering(LINKED_PAGE), "/oembed": answer}
    async with fetching(web, timeout=0.4) as fetcher:
        metadata = await preview(fetcher, web.url())
    assert (metadata.title, metadata.thumbnail) == ("own", None)


async def test_oembed_gets_only_the_time_that_is_left(web: WebServer) -> None:
    async def hesitating(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.8)
        writer.write(answering(LINKED_PAGE))

    web.pages |= {"/": hesitating, "/oembed": silence}
    async with fetching(web, timeout=1) as fetcher:
        started = time.monotonic()
        metadata = await preview(fetcher, web.url())
    assert metadata.title == "own"
    assert 0.9 < time.monotonic() - started < 1.5


async def test_a_refused_page_has_no_preview(web: WebServer) -> None:
    async with fetching(web) as fetcher:
        with pytest.raises(PageRefused):
            await preview(fetcher, "http://127.0.0.1:1/")
