"""Web addresses: parsed as browsers do, and normalized so that a page has one address."""

import re
from urllib.parse import unquote

from pydantic_core import Url

from daybook.errors import InvalidInput

LONGEST_URL = 2048
"""Characters. It also keeps an address within the size of an entry of a unique index (2,704 bytes)."""

TRACKING = re.compile(
    "utm_.*|_ga|_gac|_gl|dclid|gad_source|gbraid|gclid|gclsrc|srsltid|wbraid"  # Google
    "|fbclid|igsh|igshid"  # Meta
    "|li_fat_id|msclkid|napm|ttclid|twclid|yclid"  # LinkedIn, Microsoft, Naver, TikTok, X, Yandex
    "|_hsenc|_hsmi|mc_cid|mc_eid|mkt_tok|vero_id",  # mailings
    re.IGNORECASE,
)
"""Query parameters that tell how a visitor came to a page, and never which page it is."""


def parse_url(address: str) -> Url:
    """Return the parts of an http or https address, parsed by the WHATWG URL standard.

    The host is in lower case and punycode, or a plain IP address, however it was spelled; dot segments and the default
    port are removed. Raises InvalidInput with a sentence that says what is wrong.
    """
    if len(address) > LONGEST_URL:
        raise InvalidInput(f"An address has at most {LONGEST_URL:,} characters.")
    try:
        url = Url(address)
    except ValueError:
        raise InvalidInput("This is no complete web address, such as https://example.com/page.") from None
    if url.scheme not in {"http", "https"}:
        raise InvalidInput("An address must begin with http:// or https://.")
    if url.username or url.password:
        raise InvalidInput("An address must not contain a user name or a password.")
    if not _is_host(url.host or ""):
        raise InvalidInput("The address has no valid host name.")
    return url


def normalized(address: str) -> str:
    """Return the normal form of an address, the same for all spellings of it, of at most `LONGEST_URL` characters.

    In addition to what `parse_url` does, it drops the fragment (but not a `#!` route), tracking parameters, empty
    parameters and the dot after a host, and writes percent-encodings in capitals (RFC 3986, section 6.2.2.1). The order
    of parameters and the last slash of the path are kept, because they can make a different page.

    Raises InvalidInput, also when the address only becomes too long by percent-encoding, of Korean for example.
    """
    url = parse_url(address)
    host = (url.host or "").removesuffix(".")
    port = "" if url.port in {None, _default_port(url)} else f":{url.port}"
    query = "&".join(part for part in (url.query or "").split("&") if part and not _is_tracking(part))
    route = url.fragment if url.fragment and url.fragment.startswith("!") else ""
    normal_form = f"{url.scheme}://{host}{port}{url.path or '/'}{query and '?'}{query}{route and '#'}{route}"
    if len(normal_form) > LONGEST_URL:
        raise InvalidInput(f"An address has at most {LONGEST_URL:,} characters, percent-encodings included.")
    return re.sub(r"%[0-9a-fA-F]{2}", lambda encoded: encoded[0].upper(), normal_form)


def _is_host(host: str) -> bool:
    """Return whether the labels of the name have lengths that the DNS allows (RFC 1035, section 2.3.4)."""
    name = host.removesuffix(".")
    return len(name) <= 253 and (host.startswith("[") or all(0 < len(label) <= 63 for label in name.split(".")))


def _default_port(url: Url) -> int:
    return 443 if url.scheme == "https" else 80


def _is_tracking(parameter: str) -> bool:
    return bool(TRACKING.fullmatch(unquote(parameter.partition("=")[0])))
