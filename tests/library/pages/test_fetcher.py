"""Fetching a page that a stranger chose: over real sockets, from a server that behaves in every way a server can."""

import asyncio
import time
import tracemalloc
import zlib
from pathlib import Path

import pytest

from daybook.library.errors import PageRefused, PageTimeout, PageUnreachable, PageUnreadable
from daybook.library.pages.fetcher import JSON, FetchedPage, PageFetcher
from tests.fixtures.web_pages import (
    HOST,
    Behaviour,
    WebServer,
    answering,
    fetching,
    forever,
    gzipped,
    redirecting,
    reset_after,
    serving,
    silence,
    tls_contexts,
)

PAGE = b"<title>kimchi</title>"
CHUNKED = answering(b"", "Transfer-Encoding: chunked")


async def test_a_page_comes_with_its_address_and_type(web: WebServer) -> None:
    web.pages |= {
        "/a?b=%EA%B9%80": redirecting("/\uae40#part"),
        "/%EA%B9%80": answering(PAGE, content_type="Text/HTML;charset=x"),
    }
    async with fetching(web) as fetcher:
        page = await fetcher.fetch(web.url("/a?b=김#part"))
    assert (page.url.partition("#")[0], page.body, page.content_type) == (
        web.url("/%EA%B9%80"),
        PAGE,
        "Text/HTML;charset=x",
    )


async def test_a_request_says_who_asks_and_nothing_more(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    web.pages |= {
        "/": redirecting("/next", "Set-Cookie: session=1; Path=/"),
        "/next": answering(PAGE, "Set-Cookie: session=2"),
    }
    async with fetching(web) as fetcher:
        for _ in range(2):
            await fetcher.fetch(web.url("/", f"www.{HOST}."))
    sent = {
        "host": f"www.{HOST}:{web.port}",
        "user-agent": "Daybook/test",
        "accept": "text/html, application/xhtml+xml",
        "accept-encoding": "gzip, deflate",
        "connection": "close",
    }
    assert [asked.headers for asked in web.asked] == [sent] * 4


async def test_a_certificate_is_checked_for_the_name(tmp_path: Path) -> None:
    server, client = tls_contexts(tmp_path, HOST)
    async with serving(tls=server) as web, fetching(web, ssl_context=client) as fetcher:
        web.pages["/"] = answering(PAGE)
        assert (await fetcher.fetch(web.url())).body == PAGE
        with pytest.raises(PageUnreachable):
            await fetcher.fetch(web.url(host=f"other.{HOST}"))
        with pytest.raises(PageUnreachable):
            await fetcher.fetch(web.url(host="127.0.0.1"))
    async with serving(tls=server) as web, fetching(web) as distrusting:
        with pytest.raises(PageUnreachable):
            await distrusting.fetch(web.url())


async def test_five_redirects_are_followed_and_no_more(web: WebServer) -> None:
    web.pages |= {f"/{n}": redirecting(str(n + 1)) for n in range(5)} | {
        "/5": answering(PAGE),
        "/loop": redirecting("/loop"),
    }
    async with fetching(web) as fetcher:
        assert (await fetcher.fetch(web.url("/0"))).url == web.url("/5")
        with pytest.raises(PageRefused, match="more than 5 times"):
            await fetcher.fetch(web.url("/loop"))
    assert web.connections == 6 + 6


@pytest.mark.parametrize(
    "content_type", ["application/pdf", "text/plain", "application/json", "image/png", None, "", "html"]
)
async def test_what_is_no_page_is_not_read(web: WebServer, content_type: str | None) -> None:
    web.pages["/"] = forever(answering(b"", content_type=content_type), b"a" * 10_000)
    async with fetching(web) as fetcher:
        with pytest.raises(PageUnreadable):
            await fetcher.fetch(web.url())


async def test_another_type_can_be_asked_for(web: WebServer) -> None:
    web.pages["/"] = answering(b"{}", content_type="application/json; charset=utf-8")
    async with fetching(web) as fetcher:
        assert (await fetcher.fetch(web.url(), accept=JSON)).body == b"{}"


@pytest.mark.parametrize(
    "answer",
    [
        answering(PAGE, status=404),
        answering(PAGE, status=500),
        answering(PAGE, status=304),
        answering(PAGE, status=302),
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"\x16\x03\x01\x02\x00" * 100,
        answering(PAGE, "Content-Length: 1000"),
        answering(PAGE, "Content-Length: 1", "Content-Length: 2"),
        CHUNKED + b"zz\r\n",
        CHUNKED + b"5\r\nab",
        answering(PAGE, *[f"X-{n}: {'x' * 1000}" for n in range(200)]),
        answering(PAGE, f"X: {'x' * 200_000}"),
        forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        forever(CHUNKED, b"1;" + b"x" * 4000 + b"\r\na\r\n"),
        reset_after(answering(PAGE, "Content-Length: 1000")),
        reset_after(b""),
    ],
)
async def test_a_server_that_fails_is_unreachable(web: WebServer, answer: bytes | Behaviour) -> None:
    web.pages["/"] = answer
    async with fetching(web) as fetcher:
        with pytest.raises(PageUnreachable):
            await fetcher.fetch(web.url())


async def test_nobody_at_home_is_unreachable(web: WebServer) -> None:
    async with fetching(web) as fetcher:
        with pytest.raises(PageUnreachable):
            await fetcher.fetch("http://no-such-name.test/")
    async with serving() as gone:
        pass
    async with fetching(gone) as fetcher:
        with pytest.raises(PageUnreachable):
            await fetcher.fetch(gone.url())


async def test_the_next_address_of_a_name_is_tried(web: WebServer) -> None:
    async def two(host: str) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    web.pages["/"] = answering(PAGE)
    fetcher = PageFetcher("Daybook/test", is_allowed=lambda _address, _port: True, resolve=two)
    assert (await fetcher.fetch(web.url())).body == PAGE
    await fetcher.aclose()


@pytest.mark.parametrize(
    "slow",
    [
        silence,
        forever(b"HTTP/1.1 200 OK\r\nX: ", b"x", every=0.01),
        forever(answering(b""), b"x", every=0.01),
        forever(CHUNKED, b"1\r\na\r\n", every=0.01),
    ],
    ids=["silence", "headers that drip", "a body that drips", "chunks that drip"],
)
async def test_one_deadline_is_over_everything(web: WebServer, slow: Behaviour) -> None:
    web.pages["/"] = slow
    async with fetching(web, timeout=0.3) as fetcher:
        await times_out(fetcher, web.url())


async def test_the_deadline_is_over_names_handshakes_and_redirects_too(web: WebServer) -> None:
    async def never(host: str) -> list[str]:
        await asyncio.sleep(3600)
        return []

    async def hesitating(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(redirecting("/"))

    web.pages["/"] = hesitating
    async with fetching(web, resolve=never, timeout=0.3) as fetcher:
        await times_out(fetcher, web.url())
    async with fetching(web, timeout=0.3) as fetcher:
        await times_out(fetcher, web.url())
        await times_out(fetcher, web.url().replace("http:", "https:"))


async def times_out(fetcher: PageFetcher, url: str) -> None:
    started = time.monotonic()
    with pytest.raises(PageTimeout):
        await fetcher.fetch(url)
    assert 0.25 < time.monotonic() - started < 2


async def test_only_so_many_are_fetched_at_once(web: WebServer) -> None:
    now = most = 0

    async def slow(writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.05)
        now -= 1
        writer.write(answering(PAGE))

    web.pages["/"] = slow
    async with fetching(web, at_once=3) as fetcher:
        await asyncio.gather(*(fetcher.fetch(web.url()) for _ in range(10)))
    assert most == 3


async def test_waiting_for_ones_turn_counts(web: WebServer) -> None:
    web.pages["/"] = silence
    async with fetching(web, at_once=1, timeout=0.3) as fetcher:
        first = asyncio.create_task(times_out(fetcher, web.url()))
        await asyncio.sleep(0.1)
        await times_out(fetcher, web.url())
        await first
        web.pages["/"] = answering(PAGE)
        assert (await fetcher.fetch(web.url())).body == PAGE


@pytest.mark.parametrize(
    "endless",
    [forever(answering(b""), b"x" * 4096), forever(CHUNKED, b"1000\r\n" + b"x" * 4096 + b"\r\n")],
    ids=["plain", "chunked"],
)
async def test_an_endless_body_is_cut_off(web: WebServer, endless: Behaviour) -> None:
    web.pages["/"] = endless
    async with fetching(web, max_bytes=500_000) as fetcher:
        page, peak = await traced(fetcher, web.url())
    assert len(page.body) == 500_000
    assert peak < 3_000_000


async def test_compressed_pages_are_read_though_nobody_asked(web: WebServer) -> None:
    web.pages |= {
        "/gzip": gzipped(PAGE),
        "/deflate": answering(zlib.compress(PAGE), "Content-Encoding: deflate"),
        "/br": answering(PAGE, "Content-Encoding: br"),
        "/twice": answering(PAGE, "Content-Encoding: gzip, gzip"),
        "/broken": answering(PAGE, "Content-Encoding: gzip"),
    }
    async with fetching(web) as fetcher:
        assert (await fetcher.fetch(web.url("/gzip"))).body == PAGE
        assert (await fetcher.fetch(web.url("/deflate"))).body == PAGE
        for path in ("/br", "/twice", "/broken"):
            with pytest.raises(PageUnreadable):
                await fetcher.fetch(web.url(path))


async def test_a_gzip_bomb_does_not_go_off(web: WebServer) -> None:
    web.pages["/"] = gzipped(bytes(100_000_000))
    async with fetching(web, max_bytes=500_000) as fetcher:
        page, peak = await traced(fetcher, web.url())
    assert len(page.body) == 500_000
    assert peak < 3_000_000
    print(f"a bomb of 100 MB, of which 0.5 MB are read: {peak / 1e6:.1f} MB at most")  # noqa: T201 - the figure is what it shows


async def test_a_body_in_crumbs_does_not_keep_the_process_busy(web: WebServer) -> None:
    web.pages["/"] = forever(CHUNKED, b"1\r\na\r\n" * 5000)
    async with fetching(web) as fetcher:
        before = time.process_time()
        page = await fetcher.fetch(web.url())
    assert 0 < len(page.body) <= 5000
    assert time.process_time() - before < 2.5  # it is 0.2 s; without a limit it is the whole deadline


async def traced(fetcher: PageFetcher, url: str) -> tuple[FetchedPage, int]:
    """Return the page, and by how many bytes memory grew at most."""
    tracemalloc.start()
    try:
        page = await fetcher.fetch(url)
        return page, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
