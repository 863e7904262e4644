"""The metadata of a web page: Open Graph, Twitter cards, schema.org, oEmbed, and plain HTML.

Nothing here fetches. Pages are written by strangers, and some are broken or malicious: values that are no text, address
or length are ignored, and nothing raises. `head.metadata_tags` says why reading stays fast.
"""

import html as entities
import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urljoin

import orjson
from selectolax.lexbor import LexborHTMLParser

from daybook.addresses import LONGEST_URL, parse_url
from daybook.errors import InvalidInput
from daybook.library.pages.charset import decode
from daybook.library.pages.head import metadata_tags

MAX_TITLE = 500
MAX_DESCRIPTION = 2000
MAX_VIDEO = 2**31 - 1
"""Seconds."""
MAX_LINKED_DATA = 250_000
"""Characters of one script. Decoding more JSON would block all other threads for 0.1 s and more."""
MAX_THINGS = 1000
"""How many items of linked data are read, each a Thing in the sense of schema.org."""


@dataclass(frozen=True)
class PageMetadata:
    """The metadata of a page. Addresses are absolute, http or https, and have at most `LONGEST_URL` characters."""

    title: str | None
    """One line of at most `MAX_TITLE` characters."""
    description: str | None
    """One line of at most `MAX_DESCRIPTION` characters."""
    thumbnail: str | None
    favicon: str | None
    site_name: str | None
    language: str | None
    """A BCP 47 tag, as in the page."""
    content_type: Literal["video", "post"]
    video_length: int | None
    """Whole seconds; None for a post."""
    oembed_url: str | None
    """The address of the page's oEmbed response in JSON (oembed.com, section 4)."""


@dataclass(frozen=True)
class OEmbed:
    """The metadata in an oEmbed response (oembed.com, section 2.3.4)."""

    title: str | None
    thumbnail: str | None
    site_name: str | None
    is_video: bool
    video_length: int | None
    """Whole seconds. Not in the specification, but Vimeo and others send it."""


def read_metadata(page_url: str, html: bytes, content_type: str) -> PageMetadata:
    """Return the metadata of the page at `page_url`, which came with the header `content_type`.

    A page of 2 MB takes 10 to 70 ms, whatever it contains: run it in a thread.
    """
    page = LexborHTMLParser(metadata_tags(decode(html, content_type).encode()))
    base = _address(_attribute(page, "base[href]", "href"), page_url) or page_url
    named = _named_values(page)
    things = list(itertools.islice(_things(page), MAX_THINGS))
    videos = [thing for thing in things if "VideoObject" in _texts(thing.get("@type"))]
    video: Mapping[str, Any] = videos[0] if videos else {}
    is_video = _is_video(named, has_video=bool(videos))
    title = page.css_first("title")
    return PageMetadata(
        title=_first_text(
            MAX_TITLE,
            named.get("og:title"),
            named.get("twitter:title"),
            title and title.text(),
            video.get("name"),
        ),
        description=_first_text(
            MAX_DESCRIPTION,
            named.get("og:description"),
            named.get("twitter:description"),
            named.get("description"),
            video.get("description"),
        ),
        thumbnail=_first_address(base, *_thumbnails(page, named, things)),
        favicon=_first_address(base, *_icons(page), urljoin(page_url, "/favicon.ico")),
        site_name=_first_text(MAX_TITLE, named.get("og:site_name"), named.get("application-name")),
        language=_language(_attribute(page, "html[lang]", "lang"), named.get("og:locale")),
        content_type="video" if is_video else "post",
        video_length=_first_length(
            named.get("og:video:duration"), named.get("video:duration"), named.get("duration"), video.get("duration")
        )
        if is_video
        else None,
        oembed_url=_address(_attribute(page, 'link[type="application/json+oembed" i][href]', "href"), base),
    )


def read_oembed(body: bytes) -> OEmbed | None:
    """Return the metadata in an oEmbed response in JSON, or None when it is none."""
    try:
        response = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(response, dict):
        return None
    return OEmbed(
        # WordPress, the most common provider, escapes its titles as HTML.
        title=_first_text(MAX_TITLE, *(entities.unescape(title) for title in _texts(response.get("title")))),
        thumbnail=_first_address("", *_texts(response.get("thumbnail_url"))),
        site_name=_first_text(MAX_TITLE, response.get("provider_name")),
        is_video=response.get("type") == "video",
        video_length=_first_length(response.get("duration")),
    )


def _named_values(page: LexborHTMLParser) -> dict[str, str]:
    """Return the content of the meta tags by lower-case name; of several, the first counts."""
    named: dict[str, str] = {}
    for node in page.css("meta[content]"):
        of = node.attributes
        name, content = of.get("property") or of.get("name") or of.get("itemprop"), of.get("content")
        if name and content and not content.isspace():
            named.setdefault(name.strip().lower(), content)
    return named


def _things(page: LexborHTMLParser) -> Iterator[dict[str, Any]]:
    """Yield each item of the page's JSON-LD, also from lists and graphs."""
    for script in page.css('script[type="application/ld+json" i]'):
        text = script.text()
        try:
            waiting = [orjson.loads(text)] if len(text) <= MAX_LINKED_DATA else []
        except orjson.JSONDecodeError:
            continue
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting += reversed(value)
            elif isinstance(value, dict):
                yield value
                waiting.append(value.get("@graph"))


def _is_video(named: Mapping[str, str], *, has_video: bool) -> bool:
    """Return whether the page is a video, rather than an article with a video, for example."""
    kind = named.get("og:type", "").strip().lower()
    if kind.startswith("video") or kind == "article":
        return kind != "article"
    return has_video or "og:video:duration" in named or "video:duration" in named


def _thumbnails(page: LexborHTMLParser, named: Mapping[str, str], things: list[dict[str, Any]]) -> Iterator[str | None]:
    for name in ("og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"):
        yield named.get(name)
    for thing in things:
        yield from _texts(thing.get("thumbnailUrl"))
    yield _attribute(page, 'link[rel="image_src" i][href]', "href")
    yield named.get("image")
    for thing in things:
        yield from _texts(thing.get("image"))


def _icons(page: LexborHTMLParser) -> list[str | None]:
    """Return the page's icons, best first for display at 32 pixels: not smaller, and not much larger."""
    icons = [node.attributes for node in page.css('link[rel~="icon" i][href], link[rel~="apple-touch-icon" i][href]')]
    return [icon.get("href") for icon in sorted(icons, key=lambda icon: _icon_rank(icon.get("sizes") or ""))]


def _icon_rank(sizes: str) -> tuple[bool, int]:
    widths = [int(width) for width in re.findall(r"\b([0-9]{1,4})[xX][0-9]", sizes)]
    fitting = [width for width in widths if width >= 32]
    return (bool(widths) and not fitting, min(fitting, default=32))


def _language(*candidates: str | None) -> str | None:
    for candidate in candidates:
        tag = (candidate or "").strip().replace("_", "-")
        if len(tag) <= 35 and re.fullmatch(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*", tag):  # RFC 5646, section 4.4.1
            return tag
    return None


def _attribute(page: LexborHTMLParser, selector: str, name: str) -> str | None:
    node = page.css_first(selector)
    return node.attributes.get(name) if node else None


def _texts(value: object) -> list[str]:
    """Return the strings of a JSON-LD property: one, several, or those in objects with an address."""
    items = [
        item.get("url") if isinstance(item, dict) else item for item in (value if isinstance(value, list) else [value])
    ]
    return [item for item in items if isinstance(item, str)]


def _first_text(longest: int, *candidates: object) -> str | None:
    return next((text for candidate in candidates if (text := _text(candidate, longest))), None)


def _text(value: object, longest: int) -> str | None:
    """Return the value as one line in NFC that can be stored: without control characters and surrogates."""
    if not isinstance(value, str):
        return None
    line = " ".join(value[: 20 * longest].split())
    storable = "".join(character for character in line if unicodedata.category(character) not in {"Cc", "Cs"})
    return unicodedata.normalize("NFC", storable)[:longest].strip() or None


def _first_address(base: str, *candidates: str | None) -> str | None:
    return next((address for candidate in candidates if (address := _address(candidate, base))), None)


def _address(value: str | None, base: str) -> str | None:
    """Return the absolute address, or None when it is not one that a client could show."""
    if not value or len(value) > LONGEST_URL or value.isspace():
        return None
    try:
        return str(parse_url(urljoin(base, value.strip())))
    except (InvalidInput, ValueError):
        return None


def _first_length(*candidates: object) -> int | None:
    return next((length for candidate in candidates if (length := _length(candidate))), None)


def _length(value: object) -> int | None:
    """Return whole seconds, from seconds as in Open Graph or from an ISO 8601 duration as in schema.org."""
    match = re.fullmatch(
        r"P?(?:([0-9]{1,5})D)?T?(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,10})(?:[.,][0-9]+)?S?)?",
        str(value).strip().upper()[:100],
    )
    if not match:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    length = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return length if 0 < length <= MAX_VIDEO else None
