"""Downloading an article: its links are copied into the caller's library."""

import datetime as dt

from daybook.accounts.caller import Caller
from daybook.community.errors import ArticleNotFound
from daybook.community.queries import articles, votes
from daybook.community.schemas import DownloadRead
from daybook.database.engine import Database
from daybook.library.new_content import NewContent
from daybook.library.service.save_links import save_all

MAX_TAGNAME = 50


async def download(
    database: Database, caller: Caller, article_id: int, tagname: str | None, now: dt.datetime
) -> DownloadRead:
    """Copy an article's links into the caller's library, in one transaction; ArticleNotFound.

    Links that are there already stay as they are and get the tag, too, so that downloading again changes nothing.
    """
    async with database.write.begin() as session:
        rows = (await session.execute(articles.links(article_id))).all()
        if not rows:
            raise ArticleNotFound
        tagname = tagname or rows[0].article_title[:MAX_TAGNAME].strip()
        links = [
            NewContent(
                url=item.url,
                title=item.title,
                content_type=item.content_type,
                description=item.description,
                thumbnail=item.thumbnail,
                favicon=item.favicon,
                video_length=item.video_length,
                tags=(tagname,),
            )
            for _, item in rows
        ]
        saved = await save_all(session, caller, links, now, tag_existing=True)
        # Last, since it locks the article, which others are voting for.
        down_count = await session.scalar(votes.record_download(caller.user_id, article_id))
        if down_count is None:
            raise ArticleNotFound("The article has just been deleted.")
    added = sum(link.created for link in saved)
    return DownloadRead(
        tagname=tagname, added=added, skipped=len(saved) - added, total=len(saved), down_count=down_count
    )
