"""The preview of a link: what stands on a card before anybody has opened the page."""

import asyncio
import contextlib
from dataclasses import replace

from daybook.errors import DaybookError
from daybook.library.pages.fetcher import JSON, PageFetcher
from daybook.library.pages.metadata import OEmbed, PageMetadata, read_metadata, read_oembed


async def preview(fetcher: PageFetcher, url: str) -> PageMetadata:
    """Return what the page at `url` says about itself, within the fetcher's timeout.

    When something is missing that the page's oEmbed description may have, that is asked too, in the time that is
    left. It fails no preview. Raises what `PageFetcher.fetch` raises for the page.
    """
    deadline = asyncio.get_running_loop().time() + fetcher.timeout
    page = await fetcher.fetch(url)
    metadata = await asyncio.to_thread(read_metadata, page.url, page.body, page.content_type)
    if metadata.oembed_url and _lacks_something(metadata):
        with contextlib.suppress(DaybookError, TimeoutError):
            async with asyncio.timeout_at(deadline):
                answer = await fetcher.fetch(metadata.oembed_url, accept=JSON)
            metadata = _completed(metadata, read_oembed(answer.body))
    return metadata


def _lacks_something(metadata: PageMetadata) -> bool:
    lacks_length = metadata.content_type == "video" and metadata.video_length is None
    return not metadata.title or not metadata.thumbnail or lacks_length


def _completed(metadata: PageMetadata, oembed: OEmbed | None) -> PageMetadata:
    """Return the page's own words, and the answer's where there are none."""
    if oembed is None:
        return metadata
    is_video = metadata.content_type == "video" or oembed.is_video
    return replace(
        metadata,
        title=metadata.title or oembed.title,
        thumbnail=metadata.thumbnail or oembed.thumbnail,
        site_name=metadata.site_name or oembed.site_name,
        content_type="video" if is_video else "post",
        video_length=(metadata.video_length or oembed.video_length) if is_video else None,
    )
