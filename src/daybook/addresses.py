"""Web addresses: parsed as browsers do."""

from pydantic_core import Url

from daybook.errors import InvalidInput

LONGEST_URL = 2048
"""Characters. It also keeps an address within the size of an entry of a unique index (2,704 bytes)."""


def parse_url(address: str) -> Url:
    """Return the parts of an http or https address, parsed by the WHATWG URL standard.

    The host is in lower case and punycode, or a plain IP address, however it was spelled; dot segments and the default
    port are removed, and whatever is not ASCII is percent-encoded. `str` of it is what is stored and shown: what was
    typed could be another address to another reader (`https:example.com`, or control characters in it). Raises
    InvalidInput with a sentence that says what is wrong.
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
    if len(str(url)) > LONGEST_URL:
        raise InvalidInput(f"An address has at most {LONGEST_URL:,} characters, percent-encodings included.")
    return url


def _is_host(host: str) -> bool:
    """Return whether the labels of the name have lengths that the DNS allows (RFC 1035, section 2.3.4)."""
    name = host.removesuffix(".")
    return len(name) <= 253 and (host.startswith("[") or all(0 < len(label) <= 63 for label in name.split(".")))
