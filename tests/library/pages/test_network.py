"""No fetch reaches our own network, however its address is written."""

import ipaddress
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybook.library.errors import PageRefused
from daybook.library.pages.fetcher import PageFetcher
from daybook.library.pages.network import NOT_PUBLIC, is_public
from tests.fixtures.web_pages import WebServer, answering, fetching, redirecting, serving

INSIDE = {
    "loopback.test": ["127.0.0.1"],
    "loopback6.test": ["::1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "private.test": ["10.1.2.3"],
    "metadata.google.internal": ["169.254.169.254"],
    "mixed.test": ["8.8.8.8", "127.0.0.1"],
    "mixed6.test": ["8.8.8.8", "fd00::1"],
}
"""Names whose owner points them at our own network."""

FORGED_HOSTS = """
    127.0.0.1 127.0.0.2 127.255.255.254 127.0.0.1. localhost [::1] [::] [0:0:0:0:0:0:0:1] 0.0.0.0 0
    10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.254 192.168.0.1 100.64.0.1 100.100.100.200
    169.254.169.254 169.254.170.2 168.63.129.16 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1
    224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
    2130706433 017700000001 0x7f000001 0177.0.0.1 0x7f.1 127.1 127.0.1 0x7f.0x0.0x0.0x1 00000177.0.0.1 2852039166
    １２７.０.０.１ ①②⑦.⓪.⓪.① 127。0。0。1 127．0．0．1 %31%32%37.0.0.1 127%2e0%2e0%2e1 ｌｏｃａｌｈｏｓｔ
    [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:169.254.169.254] [::127.0.0.1] [::ffff:0:127.0.0.1]
    [64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2002:a9fe:a9fe::1]
    [2001:0:7f00:1::] [fc00::1] [fd00:ec2::254] [fe80::1] [fe80::1%25lo] [fec0::1] [ff02::1] [2606:4700::1111]
    public.test@127.0.0.1 public.test:80@127.0.0.1 127.0.0.1@public.test public.test%40@127.0.0.1 @127.0.0.1
    0x7f000001%00.public.test 127.0.0.1%00.public.test postgres
""".split()  # noqa: SIM905 - hosts hold quotes' worth of noise already

FORGED = [
    *(f"http://{host}:{{port}}/" for host in [*FORGED_HOSTS, *INSIDE]),
    r"http://127.0.0.1:{port}\@public.test/",
    "http://127.0.0.1\t:{port}/",
    "https://127.0.0.1:{port}/",
    "HTTP://LOOPBACK.TEST:{port}/",
    *(f"{scheme}://127.0.0.1:{{port}}/_" for scheme in ["gopher", "ftp", "dict", "ldap", "ws", "http+unix", "tftp"]),
    *["file:///etc/passwd", "file://127.0.0.1/etc/passwd", "jar:http://127.0.0.1:{port}/!/", "data:text/html,hello"],
    *["javascript:fetch(1)", "view-source:http://127.0.0.1:{port}/", "about:blank", "http://[::1"],
]
"""Every way of spelling an address that is not asked. The port is that of a server which must never be reached."""

SLOPPY = ["http://", "http:127.0.0.1:{port}", "http:///127.0.0.1:{port}/", r"http:\\127.0.0.1:{port}/"]
"""What a browser's address bar corrects, and a redirect takes for a path."""


@pytest.fixture
async def canary() -> AsyncIterator[WebServer]:
    """A server inside, which no fetch may reach."""
    async with serving() as canary:
        canary.pages["/"] = answering(b"a secret")
        yield canary


async def inside(host: str) -> list[str]:
    """Resolve a name, as its owner would have it."""
    return INSIDE.get(host) or ["127.0.0.1"]


@pytest.mark.parametrize("forged", FORGED + SLOPPY)
async def test_an_address_inside_is_refused(forged: str, web: WebServer, canary: WebServer) -> None:
    async with fetching(web, resolve=inside) as fetcher:
        with pytest.raises(PageRefused):
            await fetcher.fetch(forged.format(port=canary.port))
    assert canary.connections == 0


async def test_no_redirect_leads_inside_either(web: WebServer, canary: WebServer) -> None:
    tried = 0
    async with fetching(web, resolve=inside) as fetcher:
        for target in (forged.format(port=canary.port) for forged in FORGED):
            for status in (301, 307):
                web.pages["/"] = redirecting(target, status=status)
                with pytest.raises(PageRefused):
                    await fetcher.fetch(web.url())
                tried += 1
    assert canary.connections == 0
    assert web.connections == tried
    print(f"{len(FORGED + SLOPPY)} forged addresses, and {tried} redirects to them: all refused, 0 connections")  # noqa: T201 - the figure is what it shows


async def test_the_canary_would_sing(web: WebServer, canary: WebServer) -> None:
    fetcher = PageFetcher("Daybook/test", is_allowed=lambda _address, _port: True, resolve=inside)
    for host in ["127.0.0.1", "0.0.0.0", "0x7f.1", "[::ffff:127.0.0.1]", "１２７.0.0.1", "loopback.test"]:
        assert (await fetcher.fetch(f"http://{host}:{canary.port}/")).body == b"a secret"
    await fetcher.aclose()


async def test_a_second_answer_of_the_name_server_changes_nothing() -> None:
    asked: list[str] = []

    async def rebinding(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async with (
        serving("127.0.0.1") as web,
        serving("127.0.0.2", web.port) as canary,
        fetching(web, resolve=rebinding) as fetcher,
    ):
        web.pages["/"] = redirecting("/again")
        with pytest.raises(PageRefused):
            await fetcher.fetch(web.url())
    assert (len(asked), web.connections, canary.connections) == (2, 1, 0)


async def test_a_name_of_our_own_network_is_not_even_looked_up(web: WebServer) -> None:
    asked: list[str] = []

    async def remembering(host: str) -> list[str]:
        asked.append(host)
        return ["8.8.8.8"]

    async with fetching(web, resolve=remembering) as fetcher:
        for host in ("localhost", "postgres", "metadata."):
            with pytest.raises(PageRefused):
                await fetcher.fetch(f"http://{host}/")
    assert not asked


@pytest.mark.parametrize("port", [1, 22, 25, 79, 81, 5432, 6379, 8080, 65535])
async def test_other_ports_than_those_of_the_web_are_refused(port: int) -> None:
    fetcher = PageFetcher("Daybook/test")
    with pytest.raises(PageRefused):
        await fetcher.fetch(f"http://8.8.8.8:{port}/")
    await fetcher.aclose()


@given(st.one_of(*(st.ip_addresses(network=network) for network in NOT_PUBLIC), st.ip_addresses(v=6)))
def test_special_addresses_and_ipv6_are_not_public(address: ipaddress.IPv4Address) -> None:
    assert not is_public(address, 80)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "93.184.215.14", "172.32.0.1", "100.128.0.1", "223.255.0.1"])
def test_the_rest_of_ipv4_is_public(address: str) -> None:
    assert is_public(ipaddress.IPv4Address(address), 443)


async def test_every_refused_address_gets_the_same_answer(web: WebServer, canary: WebServer) -> None:
    answers = set()
    async with fetching(web, resolve=inside) as fetcher:
        for target in [canary.url(host="127.0.0.1"), "http://127.0.0.1:1/", "http://10.0.0.1/", "http://private.test/"]:
            with pytest.raises(PageRefused) as refused:
                await fetcher.fetch(target)
            answers.add(str(refused.value))
    assert len(answers) == 1
