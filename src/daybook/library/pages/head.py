"""The few tags of a page that hold metadata, without the rest of it."""

import re

MOST_TAGS = 5000
"""Of those that are looked at, comments and scripts among them."""
MOST_ATTRIBUTES = 32

# A tag, with attributes as the HTML standard's tokenizer reads them (13.2.5.32 to 39): a quote counts only behind an
# equals sign. No part of it gives back what it took, and a tag of too many attributes matches up to there, without
# its end: nothing is read twice.
_TOKEN = re.compile(
    rb"""
    <(?=[!hbmltsxin])
    (?: !--
      | (?P<name> html|base|meta|link|title|script|style|textarea|xmp|iframe|noembed|noframes ) (?=[\s/>])
        (?: [\s/]*+ [^\s/>][^\s/>=]*+ (?: \s*+ = \s*+ (?: "[^"]*+"? | '[^']*+'? | [^\s>]*+ ) )?+ ){0,%d}+
        [\s/]*+ (?P<end>>)?+
    )
    """
    % MOST_ATTRIBUTES,
    re.VERBOSE,
)
_END_OF_TEXT = {
    name: re.compile(rb"</%s[\s/>]" % name)
    for name in (b"title", b"script", b"style", b"textarea", b"xmp", b"iframe", b"noembed", b"noframes")
}
"""Of the elements that hold text and no tags."""


def metadata_tags(page: bytes) -> bytes:
    """Return the page, in UTF-8, without everything but the few tags that hold metadata.

    Building the tree of a page takes lexbor a time that grows with the square of its depth, and of the attributes
    of one tag: 37 s for 100,000 open `<div>`, 500 kB, and 18 s for one tag with 60,000 attributes. Without the
    rest of the page the tree is flat. Comments, scripts and the like are skipped whole, so that what they quote is
    not taken for the page's own.
    """
    lower = page.lower()
    kept: list[bytes] = []
    at = 0
    for _ in range(MOST_TAGS):
        token = _TOKEN.search(lower, at)
        if token is None:
            break
        name, (start, at) = token["name"], token.span()
        if name is None:
            end = lower.find(b"-->", start + 2)  # `<!-->` is a whole comment
            at = end + 3 if end >= 0 else len(page)
        elif name in _END_OF_TEXT:
            closing = _END_OF_TEXT[name].search(lower, at)
            at = closing.start() if closing else len(page)
            if token["end"] and (name == b"title" or b"ld+json" in token[0]):
                kept += page[start:at], b"</%s>" % name
        elif token["end"]:
            kept.append(page[start:at])
    return b"".join(kept)
