"""The markup of a bookmark file, as tags and the text between them, in bounded memory and linear time.

Two parsers were at hand. selectolax takes a whole document. The standard library's HTMLParser takes pieces, but
(CPython 3.11.7) it reads `?a=1&region=KR` in an HREF as `?a=1®ion=KR`, and browsers do not escape the `&` they
write there; it raises AssertionError at `<![`; it takes all that follows a bare `<script>` in a title for a script;
and it needs 4 seconds for 16 kB of unclosed tags. Bookmark files need no more of HTML than the two expressions below,
which follow the HTML standard's tokenizer where browsers' exports lead to it, and never go back over what they read
(`*+` is possessive).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.entities import html5

from daybook.library.bookmark_files.decoding import ENTRY_LIMIT
from daybook.library.bookmark_files.record import Unreadable

_MARKUP = re.compile(
    r"""
      <!--.*?-->
    | <!(?!--)[^>]*+>
    | <\?[^>]*+>
    | <(?P<closing>/?)(?P<name>[a-zA-Z][^\s/>]*+)
       # A quotation mark counts only after "=": there, a tag does not end before the quotation does.
       (?P<attributes>(?: [^=>]++ | =\s*+ (?: "[^"]*+" | '[^']*+' | (?!["']) ) )*+)>
    | (?P<text></?(?=[^a-zA-Z!?/]))
    """,
    re.VERBOSE | re.DOTALL,
)
_ATTRIBUTE = re.compile(
    r"""
    ([^\s/>="'][^\s/>=]*+)
    (?: \s*+=\s*+ (?: "([^"]*+)" | '([^']*+)' | ([^\s>]*+) ) )?+
    """,
    re.VERBOSE,
)
_REFERENCE = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z][a-zA-Z0-9]*;));?")


@dataclass(frozen=True, slots=True)
class Tag:
    """A start or end tag; `name` is in lower case, `line` the line it begins on."""

    name: str
    closing: bool
    line: int
    _source: str

    def attributes(self) -> dict[str, str]:
        """Return the values by lower-case name; of two with one name the first, as in browsers."""
        found = _ATTRIBUTE.finditer(self._source)
        return {one[1].lower(): unescape(one[2] or one[3] or one[4] or "") for one in reversed([*found])}


def unescape(text: str) -> str:
    """Return `text` with its character references resolved.

    One without its semicolon stays as it is: it is part of an address more often than a reference.
    """
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(reference: re.Match[str]) -> str:
    decimal, hexadecimal, name = reference.groups()
    if name:
        return html5.get(name, reference[0])
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if code < 0x110000 else "\ufffd"


def markup(pieces: Iterable[str]) -> Iterator[Tag | str | Unreadable]:
    """Yield the tags and the texts of a document given in pieces. Comments and declarations are left out.

    A tag or comment that does not end is Unreadable: at the end of the file, or with the ENTRY_LIMIT characters
    that follow it, after which reading goes on.
    """
    pending, line = "", 1
    for piece in pieces:
        pending += piece
        read = yield from _complete(pending, line)
        line += pending.count("\n", 0, read)
        pending = pending[read:]
        if len(pending) > ENTRY_LIMIT:
            yield Unreadable(f"line {line}", f"A tag that begins here does not end within {ENTRY_LIMIT:,} characters.")
            line += pending.count("\n")
            pending = ""
    if pending:
        yield Unreadable(f"line {line}", "The file ends in the middle of a tag.")


def _complete(text: str, line: int) -> "Generator[Tag | str, None, int]":
    """Yield what `text` holds up to a tag that is not complete, and return where that begins."""
