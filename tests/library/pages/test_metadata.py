"""What is read from a page."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybook.library.pages.metadata import OEmbed, PageMetadata, read_metadata, read_oembed

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
