"""A link that is to be saved, wherever it comes from: a request, a file, or somebody's article."""

import datetime as dt
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from daybook.library.enums import ContentType

VIDEO_SITES: Final = frozenset({
    "bilibili.com", "chzzk.naver.com", "dailymotion.com", "nicovideo.jp", "tiktok.com", "tv.kakao.com", "tv.naver.com",
    "twitch.tv", "vimeo.com", "youtu.be", "youtube.com",
})  # fmt: skip
"""Sites whose pages are something to watch: most files do not say which of the links are."""


@dataclass(frozen=True, slots=True)
class NewContent:
    """A link to save. Its values are within the limits of `ContentCreate`, and its tags are distinct.

    A field that is named like a column of `Content`, `VideoMetadata` or `PostMetadata` is stored there: see
    docs/adding-a-column.md.
    """

    url: str
    title: str
    content_type: ContentType | None = None
    """None where a file does not say: then it is `likely_type`."""
    description: str | None = None
    note: str | None = None
    thumbnail: str | None = None
    favicon: str | None = None
    bookmark: bool = False
    video_length: int | None = None
    """seconds"""
    body: str | None = None
    tags: tuple[str, ...] = ()
    created_at: dt.datetime | None = None
    """With an offset; by default, now."""
    saved_on: dt.date | None = None
    """By default, the day that `created_at` is where the owner lives."""


def likely_type(content: NewContent) -> ContentType:
    """Return what a link most likely leads to, judged by its length and its site."""
    host = (urlsplit(content.url).hostname or "").removeprefix("www.").removeprefix("m.")
    watched = content.video_length is not None or host in VIDEO_SITES
    return ContentType.VIDEO if watched else ContentType.POST
