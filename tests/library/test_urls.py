"""Addresses: one page has one address, and what is no address is refused with a sentence."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daybook.addresses import LONGEST_URL, parse_url
from daybook.errors import InvalidInput
from daybook.library.urls import normalized

SAME_PAGE = {
    "host and port": ("http://example.com/", ["HTTP://EXAMPLE.com", "http://example.com:80/", "http:example.com"]),
    "the dot after a host": ("http://example.com/", ["http://example.com./"]),
    "dot segments": ("https://example.com/b", ["https://example.com/a/../b", "https://example.com/%2e/b"]),
    "Korean hosts and paths": (
        "https://xn--3e0b707e.kr/%EA%B9%80%EC%B9%98?q=%EA%B9%80",
        ["https://한국.kr/김치?q=김", "https://xn--3E0B707E.kr/%ea%b9%80%ec%b9%98?q=%ea%b9%80"],
    ),
    "fragments": ("https://example.com/a", ["https://example.com/a#part", "https://example.com/a#"]),
    "tracking": (
        "https://example.com/a?id=1&page=2",
        [
            "https://example.com/a?id=1&utm_source=x&page=2&UTM_Medium=y",
            "https://example.com/a?fbclid=1&id=1&&page=2&gclid",
            "https://example.com/a?id=1&page=2&utm%5Fsource=x&NaPm=ct%3D1",
        ],
    ),
    "an empty query": ("https://example.com/", ["https://example.com?", "https://example.com/?utm_source=x"]),
    "spaces around it": ("https://example.com/a%20b", [" https://example.com/a b\n", "https://exa\tmple.com/a b"]),
    "every spelling of an IP address": ("http://127.0.0.1/", ["http://0x7f.1/", "http://2130706433", "http://0177.0.0.1."]),
}  # fmt: skip


@pytest.mark.parametrize(("same", "spellings"), SAME_PAGE.values(), ids=SAME_PAGE)
def test_the_same_page_has_the_same_address(same: str, spellings: list[str]) -> None:
    assert [normalized(spelling) for spelling in [same, *spellings]] == [same] * (len(spellings) + 1)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/a/",
        "https://example.com/A",
        "https://example.com/?b=2&a=1",
        "https://example.com/?utmost=1",
        "https://example.com/#!/recipes/7",
        "https://example.com:8443/",
        "http://[2606:4700::1111]/",
        "https://example.com/a//b",
    ],
)
def test_what_may_be_another_page_stays_as_it_is(address: str) -> None:
    assert normalized(address) == address


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("example.com", "complete web address"),
        ("", "complete web address"),
        ("https://", "complete web address"),
        ("https://example.com:99999/", "complete web address"),
        ("https://a b.com/", "complete web address"),
        ("https://256.1.1.1/", "complete web address"),
        ("https://example.com/\ud800", "complete web address"),
        ("ftp://example.com/", "http:// or https://"),
        ("javascript:alert(1)", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("https://me@example.com/", "user name"),
        ("https://:secret@example.com/", "user name"),
        ("https://./", "no valid host name"),
        ("https://example..com/", "no valid host name"),
        (f"https://{'a' * 64}.com/", "no valid host name"),
        (f"https://{'a.' * 130}com/", "no valid host name"),
        (f"https://example.com/{'a' * 2100}", "2,048 characters"),
        (f"https://example.com/{'김' * 300}", "percent-encodings included"),
    ],
)
def test_what_is_no_address_is_refused(address: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(sentence)):
        normalized(address)


addresses = st.builds(
    "{}://{}{}/{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP"]),
    st.sampled_from(["a.com", "A.com.", "한국.kr", "１２７.1", "[::1]", "a..", "0x7f.1..", "faß.de", "xn--a", "a.b_c"]),
    st.sampled_from(["", ":80", ":443", ":8080", ":"]),
    st.text(st.sampled_from("a/.%2eEfF김\u1100\u1161 \\|'\"<>\t"), max_size=12),
    st.text(st.sampled_from("?&=utm_x%5fF+김#'"), max_size=12).map("?{}".format),
    st.sampled_from(["", "#", "#a", "#!", "#!/김 %ea", "#!#%"]),
)


@given(st.one_of(addresses, st.text(max_size=60), st.text(max_size=60).map("http://a.com/{}".format)))
@example("http://a.com/%%34%31")
@example("http://0x7f.1../")
@example(f"http://a.com/{'김' * 225}")
def test_a_normalised_address_stays_as_it_is(address: str) -> None:
    try:
        once = normalized(address)
    except InvalidInput:
        return
    assert normalized(once) == once
    assert once.isascii()
    assert len(once) <= LONGEST_URL
    assert once.startswith(("http://", "https://"))


def test_the_parts_are_those_that_a_browser_sees() -> None:
    url = parse_url(r"https:\\EXAMPLE.com:443\a?b#c")
    assert (url.scheme, url.host, url.port, url.path, url.query) == ("https", "example.com", 443, "/a", "b")
