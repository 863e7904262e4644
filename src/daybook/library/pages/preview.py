"""The preview of a link: what a card shows before the page is opened."""

import asyncio
import contextlib
from dataclasses import replace

from daybook.errors import DaybookError
from daybook.library.pages.fetcher import JSON, PageFetcher
from daybook.library.pages.metadata import OEmbed, PageMetadata, read_metadata, read_oembed


async def preview(fetcher: PageFetcher, url: str) -> PageMetadata:
    """Return the metadata of the page at `url` within the fetcher's timeout.

    If something is missing that the page's oEmbed response may have, that is fetched as well, in the time that is left;
    its failure is ignored. Raises what `PageFetcher.fetch` raises for the page.
    """
    deadline = asyncio.get_running_loop().time() + fetcher.timeout
    page = await fetcher.fetch(url)
    metadata = await asyncio.to_thread(read_metadata, page.url, page.body, page.content_type)
    if metadata.oembed_url and _lacks_something(metadata):
        with contextlib.suppress(DaybookError, TimeoutError):
            async with asyncio.timeout_at(deadline):
                response = await fetcher.fetch(metadata.oembed_url, accept=JSON)
            metadata = _completed(metadata, read_oembed(response.body))
    return metadata


def _lacks_something(metadata: PageMetadata) -> bool:
    lacks_length = metadata.content_type == "video" and metadata.video_length is None
    return not metadata.title or not metadata.thumbnail or lacks_length


def _completed(metadata: PageMetadata, oembed: OEmbed | None) -> PageMetadata:
    """Return the page's metadata, with what it lacks taken from the oEmbed response."""
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
