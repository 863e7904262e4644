"""The network as a fetch sees it: public addresses only, and only so many bytes.

What is checked is the address that is connected to, not the one that was asked for: a name is resolved once, every
address of it is checked, and the connection is made to one of those and to nothing else, so that no second answer
of the name server can come in between (DNS rebinding).
"""

import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import httpcore2

from daybook.library.errors import PageRefused

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

CONNECT_TIMEOUT = 2.0
"""Seconds for one address of a name, so that the next one still has its turn."""
LARGEST_HEAD = 100_000
"""Bytes of everything before a body."""
BITE = 4096
"""Bytes read from the network at a time."""

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


class CheckedNetwork(httpcore2.AnyIOBackend):
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
                return MeteredStream(stream, LARGEST_HEAD)
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


class MeteredStream(httpcore2.AsyncNetworkStream):
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
        return MeteredStream(stream, self._allowance)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
