"""The preview of a link as a whole: a page, and its oEmbed description."""

import asyncio
import json
import time

import pytest

from daybook.library.errors import PageRefused
from daybook.library.pages.preview import preview
from tests.fixtures.web_pages import Behaviour, WebServer, answering, fetching, forever, silence

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
