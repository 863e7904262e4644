"""The markup of a bookmark file, as tags and the text between them, in bounded memory and linear time.

Two parsers were at hand. selectolax takes a whole document. The standard library's HTMLParser takes pieces, but
(CPython 3.11.7) it reads `?a=1&region=KR` in an HREF as `?a=1®ion=KR`, and browsers do not escape the `&` they
write there; it raises AssertionError at `<![`; it takes all that follows a bare `<script>` in a title for a script;
and it needs 4 seconds for 16 kB of unclosed tags. Bookmark files need no more of HTML than the expressions below,
which follow the HTML standard's tokenizer where browsers' exports lead to it, and never go back over what they have
read (`*+` is possessive).
"""

import html
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from html.entities import html5
from itertools import islice

from daybook.library.bookmark_files.decoding import ENTRY_LIMIT
from daybook.library.bookmark_files.record import Unreadable

_MARKUP = re.compile(
    r"""
      <!--.*?-->
    | <!(?!--)[^>]*+>
    | <\?[^>]*+>
    | <(?P<closing>/?)(?P<name>[a-zA-Z][^\s/>]*+)
       # A quotation mark means something after "=" only; there, a tag does not end before the quotation does.
       (?P<attributes>(?: [^=>]++ | =\s*+ (?: "[^"]*+" | '[^']*+' | (?!["']) ) )*+)>
    | (?P<text>(?: <(?=[^a-zA-Z!?/]) | </(?=[^a-zA-Z]) )++)
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
# Never more digits than a character has: int() raises ValueError past 4300, and so does html.unescape.
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}+|#[xX][0-9a-fA-F]{1,6}+|([a-zA-Z][a-zA-Z0-9]*+));")
_MOST_ATTRIBUTES = 100


@dataclass(slots=True)
class Tag:
    """A start or end tag; `name` is in lower case, `line` the line it begins on."""

    name: str
    closing: bool
    line: int
    source: str

    def attributes(self) -> dict[str, str]:
        """Return the values by lower-case name; of two with one name the first, as browsers do."""
        found = [*islice(_ATTRIBUTE.finditer(self.source), _MOST_ATTRIBUTES)]
        return {one[1].lower(): unescape(one[2] or one[3] or one[4] or "") for one in reversed(found)}


def unescape(text: str) -> str:
    """Return `text` with its character references resolved.

    One without its semicolon stays as it is: it is part of an address more often than a reference.
    """
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(reference: re.Match[str]) -> str:
    name = reference[1]
    return html5.get(f"{name};", reference[0]) if name else html.unescape(reference[0])


def markup(pieces: Iterable[str]) -> Iterator[Tag | str | Unreadable]:
    """Yield the tags and the texts (not unescaped) of a document; comments and declarations are left out.

    A tag or comment that does not end is Unreadable, with all that follows it: to the end of the file, or for
    ENTRY_LIMIT characters, after which reading goes on.
    """
    pending, line = "", 1
    for piece in pieces:
        pending += piece
        read = yield from _complete(pending, line)
        line += pending.count("\n", 0, read)
        pending = pending[read:]
        if len(pending) > ENTRY_LIMIT:
            yield _rest(pending, line)
            line += pending.count("\n")
            pending = ""
    if pending:
        yield _rest(pending, line)


def _complete(text: str, line: int) -> Generator[Tag | str, None, int]:
    """Yield the markup in `text`, and return where what is not complete begins: a text, or a tag after it."""
    read = counted = 0
    while (at := text.find("<", read)) >= 0:
        if at > read:
            yield text[read:at]
        found = _MARKUP.match(text, at)
        if found is None:
            return at
        closing, name, attributes, bracket = found.groups()
        if name:
            line += text.count("\n", counted, at)
            counted = at
            yield Tag(name.lower(), bool(closing), line, attributes)
        elif bracket:
            yield bracket
        read = found.end()
    return read


def _rest(pending: str, line: int) -> str | Unreadable:
    return Unreadable(f"line {line}", "A tag that begins here does not end.") if pending.startswith("<") else pending
