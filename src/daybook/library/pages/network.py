"""The network for fetching pages: connections to public addresses only, of a limited number of bytes.

The address that is connected to is checked, not the one in the URL: a name is resolved once, all its addresses are
checked, and the connection is made to one of them, so that no second answer of the name server can come in between (DNS
rebinding).
"""

import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import httpcore2

from daybook.library.errors import PageRefused

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

CONNECT_TIMEOUT = 2.0
"""Seconds for one address of a name, so that there is time left for the next one."""
MAX_HEAD = 100_000
"""Bytes of everything before a body."""
READ_SIZE = 4096
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
"""IANA's special-purpose IPv4 addresses, because what `is_global` means differs between versions of Python."""


def is_public(address: IPAddress, port: int) -> bool:
    """Return whether pages are fetched from there: from public IPv4 addresses, at ports 80 and 443.

    IPv6 is excluded: mapped, translated (NAT64) and tunneled (6to4, Teredo) addresses each contain an IPv4 address, and
    almost no page is reachable by IPv6 alone.
    """
    return (
        port in {80, 443}
        and isinstance(address, ipaddress.IPv4Address)
        and address.is_global
        and not any(address in network for network in NOT_PUBLIC)
    )


class CheckedNetwork(httpcore2.AnyIOBackend):
    """Connects to checked addresses only."""

    def __init__(
        self, resolve: Callable[[str], Awaitable[Sequence[str]]], is_allowed: Callable[[IPAddress, int], bool]
    ) -> None:
        self._resolve = resolve
        self._is_allowed = is_allowed

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 - the interface's; the fetcher sets the deadline
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
                return MeteredStream(stream, MAX_HEAD)
        raise failure

    async def _checked_addresses(self, host: str, port: int) -> list[IPAddress]:
        addresses = [ipaddress.ip_address(address) for address in await self._addresses(host)]
        # All must be allowed: a legitimate name has no private address beside its public one.
        if not all(self._is_allowed(address, port) for address in addresses):
            raise PageRefused("Pages are fetched from public addresses only, and from ports 80 and 443.")
        return addresses

    async def _addresses(self, host: str) -> Sequence[str]:
        literal = host.strip("[]")
        try:
            ipaddress.ip_address(literal)
        except ValueError:
            if "." not in host:
                raise PageRefused("A host name needs a dot: others are names of a local network.") from None
            return await self._resolve(host)
        return [literal]


class MeteredStream(httpcore2.AsyncNetworkStream):
    """Reads a limited number of bytes, a few at a time.

    Otherwise a server could keep the whole process busy: 64 kB of one-byte chunks, or of `100 Continue`, cost h11 0.2
    to 0.7 s in which nothing else runs, and can be sent forever.
    """

    def __init__(self, stream: httpcore2.AsyncNetworkStream, allowance: int) -> None:
        self._stream = stream
        self._allowance = allowance

    def allow(self, more: int) -> None:
        self._allowance += more

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - the interface's
        data = await self._stream.read(min(max_bytes, READ_SIZE), timeout)
        self._allowance -= len(data)
        if self._allowance < 0:
            raise httpcore2.ReadError("the server sends too much")
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
