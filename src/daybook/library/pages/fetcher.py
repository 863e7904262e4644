"""Fetching a page whose address a stranger chose, without becoming their way into our own network.

Connections are made by `network`, which checks the address that is connected to. httpcore2 speaks HTTP beneath
cookies, redirects, proxies and the environment: none of them can be on, and each redirect starts again from the
beginning.
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

from daybook.errors import InvalidInput
from daybook.library.errors import PageRefused, PageTimeout, PageUnreachable, PageUnreadable
from daybook.library.pages.network import CheckedNetwork, IPAddress, is_public
from daybook.library.urls import parse_url

HTML = ("text/html", "application/xhtml+xml")
JSON = ("application/json",)

RESOLVER_THREADS = 8
MOST_PIECES = 5000
"""How many parts of a body are read; each costs about 60 microseconds, however small it is."""


@dataclass(frozen=True)
class FetchedPage:
    """What an address holds."""

    url: str
    """Where it was found in the end, after redirects."""
    body: bytes
    """Decompressed; cut off at the fetcher's `max_bytes`."""
    content_type: str
    """The header, with its parameters."""


class PageFetcher:
    """Fetches pages from public addresses. One for the process; `aclose()` it at the end."""

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
        """`timeout` is in seconds and for everything together: waiting for one's turn among the `at_once` fetches,
        DNS, redirects, and a body however slowly it comes.

        `resolve` gives the addresses of a host name, and raises OSError when there are none; the system's resolver
        without it.
        """
        self.timeout = timeout
        self._user_agent = user_agent
        self._max_bytes = max_bytes
        self._max_redirects = max_redirects
        self._turns = asyncio.Semaphore(at_once)
        # A thread that waits for a dead name server cannot be cancelled: it should be missed nowhere else.
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="page-resolver")
        self._network = CheckedNetwork(resolve or self._resolve, is_allowed)
        self._ssl_context = ssl_context or httpx2.create_ssl_context(trust_env=False)

    async def aclose(self) -> None:
        """Let go of the threads; no fetch may follow."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def fetch(self, url: str, *, accept: Sequence[str] = HTML) -> FetchedPage:
        """Return what is at `url`, when its media type is one of `accept`.

        Raises PageRefused for an address that is not asked, PageUnreadable for what is not of these types,
        PageUnreachable when the server fails, and PageTimeout.
        """
        try:
            # A pool for each fetch: httpcore2's keeps requests for good that end at a deadline while they are closed.
            async with asyncio.timeout(self.timeout), self._turns, self._pool() as pool:
                return await self._follow(pool, _parse(url), accept)
        except (TimeoutError, httpcore2.TimeoutException):
            raise PageTimeout(f"The page did not arrive within {self.timeout:g} seconds.") from None
        except zlib.error:
            raise PageUnreadable("The page's compression is broken.") from None
        except (OSError, httpcore2.NetworkError, httpcore2.ProtocolError):
            raise PageUnreachable("The page's server could not be reached, or broke off.") from None

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
        # The dot keeps the resolver from completing the name with a domain of our own network.
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, socket.getaddrinfo, f"{host}.", None, socket.AF_INET, socket.SOCK_STREAM
        )
        return [str(address[0]) for *_, address in found]


def _parse(url: str) -> Url:
    try:
        return parse_url(url)
    except InvalidInput as error:
        raise PageRefused(error.detail) from None


def _redirected(url: Url, location: str) -> Url:
    try:
        return _parse(urljoin(str(url), location))
    except ValueError:  # brackets that hold no address
        raise PageRefused("The address redirects to something that is no address.") from None


def _host(url: Url) -> str:
    """Return the host as certificates and servers know it: without the dot that ends an absolute name."""
    return (url.host or "").removesuffix(".")


def _authority(url: Url) -> str:
    usual = {"http": 80, "https": 443}[url.scheme]
    return _host(url) if url.port == usual else f"{_host(url)}:{url.port}"


def _target(url: Url) -> httpcore2.URL:
    path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    return httpcore2.URL(scheme=url.scheme, host=_host(url), port=url.port, target=path)


def _header(response: httpcore2.Response, name: bytes) -> str:
    """Return the header, or nothing. UTF-8, because Korean servers send their paths so."""
    values = [value for header, value in response.headers if header.lower() == name]
    return values[0].decode(errors="replace").strip() if values else ""


def _check_answer(response: httpcore2.Response, accept: Sequence[str]) -> None:
    if not 200 <= response.status < 300:
        raise PageUnreachable(f"The page's server answered {response.status}.")
    media_type = _header(response, b"content-type").partition(";")[0].strip().lower()
    if media_type not in accept:
        raise PageUnreadable(f"The address holds {media_type[:50] or 'something of no stated type'}, not {accept[0]}.")


async def _read(response: httpcore2.Response, limit: int) -> bytes:
    """Return the body, decompressed, and at most `limit` bytes of it: metadata stands at the beginning of a page.

    Neither a body without an end nor one that decompresses to gigabytes is ever held beyond that.
    """
    decompressor = _decompressor(_header(response, b"content-encoding").lower())
    # Chunks of a few bytes each take several times their size on the wire.
    response.extensions["network_stream"].allow(2 * limit)
    body = bytearray()
    count = 0
    async with aclosing(response.aiter_stream()) as pieces:
        async for piece in pieces:
            body += decompressor.decompress(piece, limit - len(body)) if decompressor else piece
            count += 1
            if len(body) >= limit or count >= MOST_PIECES:
                break
            await asyncio.sleep(0)  # pieces that are here already come without a pause for anything else
    return bytes(body[:limit])


def _decompressor(encoding: str) -> "zlib._Decompress | None":
    if encoding in {"", "identity"}:
        return None
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise PageUnreadable("The page is compressed in a way that was not asked for.")
    return zlib.decompressobj(zlib.MAX_WBITS | 32)  # either of gzip and zlib
