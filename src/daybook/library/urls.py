"""Web addresses, normalized so that a page has one address."""

import re
from urllib.parse import unquote

from pydantic_core import Url

from daybook.addresses import parse_url

TRACKING = re.compile(
    "utm_.*|_ga|_gac|_gl|dclid|gad_source|gbraid|gclid|gclsrc|srsltid|wbraid"  # Google
    "|fbclid|igsh|igshid"  # Meta
    "|li_fat_id|msclkid|napm|ttclid|twclid|yclid"  # LinkedIn, Microsoft, Naver, TikTok, X, Yandex
    "|_hsenc|_hsmi|mc_cid|mc_eid|mkt_tok|vero_id",  # mailings
    re.IGNORECASE,
)
"""Query parameters that tell how a visitor came to a page, and never which page it is."""


def normalized(address: str) -> str:
    """Return the normal form of an address, the same for all spellings of it; it is no longer than `parse_url`'s.

    In addition to what `parse_url` does, it drops the fragment (but not a `#!` route), tracking parameters, empty
    parameters and the dot after a host, and writes percent-encodings in capitals (RFC 3986, section 6.2.2.1). The order
    of parameters and the last slash of the path are kept, because they can make a different page.

    Raises InvalidInput, as `parse_url` does.
    """
    url = parse_url(address)
    host = (url.host or "").removesuffix(".")
    port = "" if url.port in {None, _default_port(url)} else f":{url.port}"
    query = "&".join(part for part in (url.query or "").split("&") if part and not _is_tracking(part))
    route = url.fragment if url.fragment and url.fragment.startswith("!") else ""
    normal_form = f"{url.scheme}://{host}{port}{url.path or '/'}{query and '?'}{query}{route and '#'}{route}"
    return re.sub(r"%[0-9a-fA-F]{2}", lambda encoded: encoded[0].upper(), normal_form)


def _default_port(url: Url) -> int:
    return 443 if url.scheme == "https" else 80


def _is_tracking(parameter: str) -> bool:
    return bool(TRACKING.fullmatch(unquote(parameter.partition("=")[0])))
