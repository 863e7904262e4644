"""Web addresses: read the way browsers read them, and written so that one page has one address."""

import re
from urllib.parse import unquote

from pydantic_core import Url

from daybook.errors import InvalidInput

LONGEST_URL = 2048
"""Characters. It also keeps the address inside what one entry of a unique index may hold (2,704 bytes)."""

TRACKING = re.compile(
    "utm_.*|_ga|_gac|_gl|dclid|gad_source|gbraid|gclid|gclsrc|srsltid|wbraid"  # Google
    "|fbclid|igsh|igshid"  # Meta
    "|li_fat_id|msclkid|napm|ttclid|twclid|yclid"  # LinkedIn, Microsoft, Naver, TikTok, X, Yandex
    "|_hsenc|_hsmi|mc_cid|mc_eid|mkt_tok|vero_id",  # mailings
    re.IGNORECASE,
)
"""Names of query parameters that say how somebody came to a page, and never which page it is."""


def parse_url(address: str) -> Url:
    """Return the parts of an http or https address, as the WHATWG URL standard reads them.

    The host is in lower case and punycode, or a plain IP address however it was spelt; dot segments and the
    default port are gone. Raises InvalidInput with a sentence that says what is wrong.
    """
    if len(address) > LONGEST_URL:
        raise InvalidInput(f"An address has at most {LONGEST_URL:,} characters.")
    try:
        url = Url(address)
    except ValueError:
        raise InvalidInput("This is not a complete web address such as https://example.com/page.") from None
    if url.scheme not in {"http", "https"}:
        raise InvalidInput("An address begins with http:// or https://.")
    if url.username or url.password:
        raise InvalidInput("An address holds no user name and no password.")
    if not _is_host(url.host or ""):
        raise InvalidInput("The address names no host that could exist.")
    return url


def normalised(address: str) -> str:
    """Return the form in which the same page has the same address, of at most `LONGEST_URL` characters.

    Beside what `parse_url` evens out, it drops the fragment (but not a `#!` route), tracking parameters, empty
    queries and the dot after a host, and writes percent-encodings in capitals (RFC 3986, section 6.2.2.1). The
    order of parameters and the path's last slash stay: they can make a different page.

    Raises InvalidInput, also when the address is only too long once Korean, say, is percent-encoded.
    """
    url = parse_url(address)
    host = (url.host or "").removesuffix(".")
    port = "" if url.port in {None, _default_port(url)} else f":{url.port}"
    query = "&".join(part for part in (url.query or "").split("&") if part and not _is_tracking(part))
    route = url.fragment if url.fragment and url.fragment.startswith("!") else ""
    same = f"{url.scheme}://{host}{port}{url.path or '/'}{query and '?'}{query}{route and '#'}{route}"
    if len(same) > LONGEST_URL:
        raise InvalidInput(f"An address has at most {LONGEST_URL:,} characters, percent-encodings included.")
    return re.sub(r"%[0-9a-fA-F]{2}", lambda encoded: encoded[0].upper(), same)


def _is_host(host: str) -> bool:
    """Whether every label of the name has the length that the DNS allows (RFC 1035, section 2.3.4)."""
    name = host.removesuffix(".")
    return len(name) <= 253 and (host.startswith("[") or all(0 < len(label) <= 63 for label in name.split(".")))


def _default_port(url: Url) -> int:
    return 443 if url.scheme == "https" else 80


def _is_tracking(parameter: str) -> bool:
    return bool(TRACKING.fullmatch(unquote(parameter.partition("=")[0])))
