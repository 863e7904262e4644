"""The markup of a bookmark file, as tags and the text between them, in bounded memory and linear time.

Two parsers were rejected. selectolax takes only whole documents. The standard library's HTMLParser takes pieces, but
(CPython 3.11.7) it reads `?a=1&region=KR` in an HREF as `?a=1®ion=KR`, though browsers do not escape the `&` there; it
raises AssertionError at `<![`; it takes everything after a bare `<script>` in a title for a script; and it needs 4
seconds for 16 kB of unclosed tags. Bookmark files need no more of HTML than the expressions below, which follow the
HTML standard's tokenizer and never backtrack (`*+` is possessive).
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
       # Quotation marks count only after "=", where the tag does not end within the quotation.
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
_MAX_ATTRIBUTES = 100


@dataclass(slots=True)
class Tag:
    """A start or end tag; `name` is in lower case, `line` the line it begins on."""

    name: str
    closing: bool
    line: int
    source: str

    def attributes(self) -> dict[str, str]:
        """Return the values by lower-case name. Of two with the same name the first counts, as in browsers."""
        matches = [*islice(_ATTRIBUTE.finditer(self.source), _MAX_ATTRIBUTES)]
        return {match[1].lower(): unescape(match[2] or match[3] or match[4] or "") for match in reversed(matches)}


def unescape(text: str) -> str:
    """Return `text` with its character references resolved.

    One without its semicolon is left as it is: it is more often part of an address than a reference.
    """
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(reference: re.Match[str]) -> str:
    name = reference[1]
    return html5.get(f"{name};", reference[0]) if name else html.unescape(reference[0])


def markup(pieces: Iterable[str]) -> Iterator[Tag | str | Unreadable]:
    """Yield the tags and the texts (not unescaped) of a document; comments and declarations are left out.

    A tag or comment that does not end is Unreadable, with everything after it up to the end of the file, or for
    ENTRY_LIMIT characters, after which reading continues.
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
    """Yield the complete tags and texts in `text`, and return the position of the incomplete rest."""
    read = counted = 0
    while (at := text.find("<", read)) >= 0:
        if at > read:
            yield text[read:at]
        match = _MARKUP.match(text, at)
        if match is None:
            return at
        closing, name, attributes, bracket = match.groups()
        if name:
            line += text.count("\n", counted, at)
            counted = at
            yield Tag(name.lower(), bool(closing), line, attributes)
        elif bracket:
            yield bracket
        read = match.end()
    return read


def _rest(pending: str, line: int) -> str | Unreadable:
    return Unreadable(f"line {line}", "A tag that begins here does not end.") if pending.startswith("<") else pending
