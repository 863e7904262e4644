"""Fetching a page whose address a stranger chose, without giving them access to our own network.

`network` makes the connections, and checks the address that is connected to. httpcore2 speaks HTTP at a level below
cookies, redirects, proxies and the environment, so that none of them can be active; every redirect starts over.
"""

import asyncio
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from urllib.parse import urljoin

import httpcore2
import httpx2
from pydantic_core import Url

from daybook.addresses import parse_url
from daybook.errors import InvalidInput
from daybook.library.errors import PageRefused, PageTimeout, PageUnreachable, PageUnreadable
from daybook.library.pages.network import CheckedNetwork, IPAddress, is_public

HTML = ("text/html", "application/xhtml+xml")
JSON = ("application/json",)

RESOLVER_THREADS = 8
MAX_PIECES = 5000
"""How many chunks of a body are read; each costs about 60 microseconds, however small it is."""


@dataclass(frozen=True)
class FetchedPage:
    """The content of an address."""

    url: str
    """The address after redirects."""
    body: bytes
    """Decompressed, and cut off at the fetcher's `max_bytes`."""
    content_type: str
    """The header with its parameters."""


class PageFetcher:
    """Fetches pages from public addresses. One serves the process; close it with `aclose()`."""

    def __init__(
        self,
        user_agent: str,
        *,
        is_allowed: Callable[[IPAddress, int], bool] = is_public,
        resolve: Callable[[str], Awaitable[Sequence[str]]] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        timeout: float = 5.0,
        max_bytes: int = 2_000_000,
        max_redirects: int = 5,
        at_once: int = 20,
    ) -> None:
        """`timeout`, in seconds, covers everything: waiting while `at_once` other fetches run, DNS, redirects, and a
        body, however slowly it arrives.

        `resolve` returns the addresses of a host name and raises OSError when there are none; by default it is the
        system's resolver.
        """
        self.timeout = timeout
        self._user_agent = user_agent
        self._max_bytes = max_bytes
        self._max_redirects = max_redirects
        self._turns = asyncio.Semaphore(at_once)
        # A thread that waits for a dead name server cannot be cancelled, so these threads are for nothing else.
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="page-resolver")
        self._network = CheckedNetwork(resolve or self._resolve, is_allowed)
        self._ssl_context = ssl_context or httpx2.create_ssl_context(trust_env=False)

    async def aclose(self) -> None:
        """Release the threads; no fetch may follow."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def fetch(self, url: str, *, accept: Sequence[str] = HTML) -> FetchedPage:
        """Return the content of `url` if its media type is one of `accept`.

        Raises PageRefused for an address that is not fetched, PageUnreadable for other media types, PageUnreachable
        when the server fails, and PageTimeout.
        """
        try:
            # A pool for each fetch: httpcore2 never removes a request from its pool that times out while closing.
            async with asyncio.timeout(self.timeout), self._turns, self._pool() as pool:
                return await self._follow(pool, _parse(url), accept)
        except (TimeoutError, httpcore2.TimeoutException):
            raise PageTimeout(f"The page did not arrive within {self.timeout:g} seconds.") from None
        except zlib.error:
            raise PageUnreadable("The page's compression is damaged.") from None
        except (OSError, httpcore2.NetworkError, httpcore2.ProtocolError):
            raise PageUnreachable("The page's server could not be reached, or closed the connection.") from None

    def _pool(self) -> httpcore2.AsyncConnectionPool:
        return httpcore2.AsyncConnectionPool(
            ssl_context=self._ssl_context, max_keepalive_connections=0, network_backend=self._network
        )

    async def _follow(self, pool: httpcore2.AsyncConnectionPool, url: Url, accept: Sequence[str]) -> FetchedPage:
        for _ in range(self._max_redirects + 1):
            async with pool.stream("GET", _target(url), headers=self._headers(url, accept)) as response:
                location = _header(response, b"location")
                if not (location and response.status in {301, 302, 303, 307, 308}):
                    _check_answer(response, accept)
                    body = await _read(response, self._max_bytes)
                    return FetchedPage(str(url), body, _header(response, b"content-type"))
            url = _redirected(url, location)
        raise PageRefused(f"The address redirects more than {self._max_redirects} times.")

    def _headers(self, url: Url, accept: Sequence[str]) -> list[tuple[str, str]]:
        return [
            ("Host", _authority(url)),
            ("User-Agent", self._user_agent),
            ("Accept", ", ".join(accept)),
            ("Accept-Encoding", "gzip, deflate"),
            ("Connection", "close"),
        ]

    async def _resolve(self, host: str) -> list[str]:
        # The dot keeps the resolver from completing the name with a search domain of our own network.
        addresses = await asyncio.get_running_loop().run_in_executor(
            self._threads, socket.getaddrinfo, f"{host}.", None, socket.AF_INET, socket.SOCK_STREAM
        )
        return [str(address[0]) for *_, address in addresses]


def _parse(url: str) -> Url:
    try:
        return parse_url(url)
    except InvalidInput as error:
        raise PageRefused(error.detail) from None


def _redirected(url: Url, location: str) -> Url:
    try:
        return _parse(urljoin(str(url), location))
    except ValueError:  # brackets without an IPv6 address
        raise PageRefused("The address redirects to an invalid address.") from None


def _host(url: Url) -> str:
    """Return the host as certificates and servers name it: without the dot at the end of an absolute name."""
    return (url.host or "").removesuffix(".")


def _authority(url: Url) -> str:
    usual = {"http": 80, "https": 443}[url.scheme]
    return _host(url) if url.port == usual else f"{_host(url)}:{url.port}"


def _target(url: Url) -> httpcore2.URL:
    path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    return httpcore2.URL(scheme=url.scheme, host=_host(url), port=url.port, target=path)


def _header(response: httpcore2.Response, name: bytes) -> str:
    """Return the header, or an empty string. It is read as UTF-8, in which Korean servers send their paths."""
    values = [value for header, value in response.headers if header.lower() == name]
    return values[0].decode(errors="replace").strip() if values else ""


def _check_answer(response: httpcore2.Response, accept: Sequence[str]) -> None:
    if not 200 <= response.status < 300:
        raise PageUnreachable(f"The page's server answered {response.status}.")
    media_type = _header(response, b"content-type").partition(";")[0].strip().lower()
    if media_type not in accept:
        raise PageUnreadable(f"The address holds {media_type[:50] or 'content without a media type'}, not {accept[0]}.")


async def _read(response: httpcore2.Response, limit: int) -> bytes:
    """Return the body, decompressed, at most `limit` bytes of it: metadata is at the beginning of a page.

    No more than that is ever held of an endless body, or of one that decompresses to gigabytes.
    """
    decompressor = _decompressor(_header(response, b"content-encoding").lower())
    # Chunks of a few bytes take several times their size on the wire.
    response.extensions["network_stream"].allow(2 * limit)
    body = bytearray()
    count = 0
    async with aclosing(response.aiter_stream()) as pieces:
        async for piece in pieces:
            body += decompressor.decompress(piece, limit - len(body)) if decompressor else piece
            count += 1
            if len(body) >= limit or count >= MAX_PIECES:
                break
            await asyncio.sleep(0)  # chunks that have arrived already come without yielding to other tasks
    return bytes(body[:limit])


def _decompressor(encoding: str) -> "zlib._Decompress | None":
    if encoding in {"", "identity"}:
        return None
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise PageUnreadable("The page is compressed in an unsupported way.")
    return zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or zlib
