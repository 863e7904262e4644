"""Fetching a page whose address a stranger chose, without becoming their way into our own network.

What is checked is the address that is connected to, not the one that was asked for: a name is resolved once, every
address of it is checked, and the connection is made to one of those and to nothing else, so that no second answer
of the name server can come in between (DNS rebinding). httpcore2 speaks HTTP beneath cookies, redirects, proxies
and the environment: none of them can be on, and each redirect starts again from the beginning.
"""

import asyncio
import ipaddress
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import httpcore2
import httpx2
from pydantic_core import Url

from daybook.errors import InvalidInput
from daybook.library.errors import PageRefused, PageTimeout, PageUnreachable, PageUnreadable
from daybook.library.urls import parse_url

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

HTML = ("text/html", "application/xhtml+xml")
JSON = ("application/json",)

CONNECT_TIMEOUT = 2.0
"""Seconds for one address of a name, so that the next one still has its turn."""
RESOLVER_THREADS = 8
LARGEST_HEAD = 100_000
"""Bytes of everything before a body."""
BITE = 4096
"""Bytes read from the network at a time."""
MOST_PIECES = 5000
"""How many parts of a body are read; each costs about 60 microseconds, however small it is."""

NOT_PUBLIC = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carriers' and clouds' own (RFC 6598)
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # Azure's platform services, at an address that looks public
            "169.254.0.0/16",  # link-local; clouds serve credentials there
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments; Oracle's metadata
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
"""The special-purpose IPv4 addresses of IANA's registry, since what `is_global` means differs between Pythons."""


def is_public(address: IPAddress, port: int) -> bool:
    """Whether pages are fetched from there: a public IPv4 address, at port 80 or 443.

    No IPv6 at all: mapped, translated (NAT64) and tunnelled (6to4, Teredo) addresses each hide an IPv4 address of
    their own, and almost no page is on IPv6 alone.
    """
    return (
        port in {80, 443}
        and isinstance(address, ipaddress.IPv4Address)
        and address.is_global
        and not any(address in network for network in NOT_PUBLIC)
    )


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
        self._network = _CheckedNetwork(resolve or self._resolve, is_allowed)
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


class _CheckedNetwork(httpcore2.AnyIOBackend):
    """Connects to addresses that were checked, and to no name."""

    def __init__(
        self, resolve: Callable[[str], Awaitable[Sequence[str]]], is_allowed: Callable[[IPAddress, int], bool]
    ) -> None:
        self._resolve = resolve
        self._is_allowed = is_allowed

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 - the interface's; the deadline is the fetcher's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception = OSError("the name has no address")
        for address in await self._checked_addresses(host, port):
            try:
                stream = await super().connect_tcp(str(address), port, CONNECT_TIMEOUT, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _MeteredStream(stream, LARGEST_HEAD)
        raise failure

    async def _checked_addresses(self, host: str, port: int) -> list[IPAddress]:
        addresses = [ipaddress.ip_address(address) for address in await self._addresses(host)]
        # One that is refused spoils them all: an honest name has no private address beside its public one.
        if not all(self._is_allowed(address, port) for address in addresses):
            raise PageRefused("Pages are fetched from public addresses only, and from ports 80 and 443.")
        return addresses

    async def _addresses(self, host: str) -> Sequence[str]:
        literal = host.strip("[]")
        try:
            ipaddress.ip_address(literal)
        except ValueError:
            if "." not in host:
                raise PageRefused("A name without a dot is one of our own network.") from None
            return await self._resolve(host)
        return [literal]


class _MeteredStream(httpcore2.AsyncNetworkStream):
    """Reads only so much, and in small bites.

    Otherwise a server could keep the whole process busy: 64 kB of one-byte chunks, or of `100 Continue`, cost h11
    0.2 to 0.7 s in which nothing else runs, and both can go on for ever.
    """

    def __init__(self, stream: httpcore2.AsyncNetworkStream, allowance: int) -> None:
        self._stream = stream
        self._allowance = allowance

    def allow(self, more: int) -> None:
        self._allowance += more

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - the interface's
        data = await self._stream.read(min(max_bytes, BITE), timeout)
        self._allowance -= len(data)
        if self._allowance < 0:
            raise httpcore2.ReadError("the server sends more than is read")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:  # at the deadline, too: httpcore2 leaves the connection open then
            await self._stream.aclose()
            raise
        return _MeteredStream(stream, self._allowance)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


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
