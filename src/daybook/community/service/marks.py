"""What readers make of an article: votes and downloads."""

import datetime as dt

from sqlalchemy import Select

from daybook.accounts.caller import Caller
from daybook.community import queries
from daybook.community.errors import ArticleNotFound
from daybook.community.schemas import ArticleVoteRead, DownloadRead
from daybook.community.service.articles import NOT_FOUND
from daybook.database.engine import Database
from daybook.library.service.save_links import NewContent, save_all

MAX_TAGNAME = 50


async def vote(database: Database, caller: Caller, article_id: int) -> ArticleVoteRead:
    """Vote for an article, if the caller has not yet; ArticleNotFound."""
    return await _counted(database, queries.vote(caller.user_id, article_id), voted=True)


async def withdraw_vote(database: Database, caller: Caller, article_id: int) -> ArticleVoteRead:
    """Take the caller's vote back, if there is one; ArticleNotFound."""
    return await _counted(database, queries.withdraw_vote(caller.user_id, article_id), voted=False)


async def _counted(database: Database, statement: Select[int], *, voted: bool) -> ArticleVoteRead:
    row = await database.run(statement)
    if row is None:
        raise ArticleNotFound(NOT_FOUND)
    return ArticleVoteRead(up_count=row[0], voted=voted)


async def download(
    database: Database, caller: Caller, article_id: int, tagname: str | None, now: dt.datetime
) -> DownloadRead:
    """Copy an article's links into the caller's library, in one transaction; ArticleNotFound.

    What is there already stays as it is, but gets the tag, too; so that once more changes nothing.
    """
    async with database.write.begin() as session:
        rows = (await session.execute(queries.article_links(article_id))).all()
        if not rows:
            raise ArticleNotFound(NOT_FOUND)
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
        # Last, for it locks the article, which others are voting for.
        down_count = await session.scalar(queries.note_download(caller.user_id, article_id))
        if down_count is None:
            raise ArticleNotFound("The article has just been deleted.")
    added = sum(one.created for one in saved)
    return DownloadRead(
        tagname=tagname, added=added, skipped=len(saved) - added, total=len(saved), down_count=down_count
    )
