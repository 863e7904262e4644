"""The statements of the community. Whatever changes or copies somebody's rows takes its owner as a required argument.

Votes and downloads lock what they count on before they touch their own rows, as deleting it does: in the same order,
so that none waits for one that waits for it.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    SmallInteger,
    Text,
    case,
    cast,
    column,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import selectinload
from sqlalchemy.sql.dml import ReturningDelete, ReturningUpdate

from daybook.community.models import (
    RANKED_BY,
    Article,
    ArticleDownload,
    ArticleItem,
    ArticleTopic,
    ArticleVote,
    Comment,
    CommentVote,
)
from daybook.community.schemas import MAX_ITEMS, MAX_THUMBNAILS
from daybook.community.vocabulary import Opinion, TopicOrder
from daybook.library.models import Content, VideoMetadata
from daybook.tags.models import ContentTag

# --- articles

COPIED = ("url", "url_key", "content_type", "title", "description", "thumbnail", "favicon")
"""What an article takes of a content: never the note, which is the owner's own."""


def _links(position: ColumnElement[int]) -> Select[Any]:
    """Contents, as an article takes them."""
    copied = [getattr(Content, name) for name in COPIED]
    return select(
        Content.id.label("content_id"), position.label("position"), *copied, VideoMetadata.video_length
    ).outerjoin(VideoMetadata, VideoMetadata.content_id == Content.id)


def contents_of_tag(user_id: int, tag_id: int) -> Select[Any]:
    """The contents that have a tag, the newest first; one more than an article holds, which tells of too many."""
    newest = (Content.saved_on.desc(), Content.id.desc())
    return (
        _links(func.row_number().over(order_by=newest))
        .join(ContentTag, ContentTag.content_id == Content.id)
        .where(Content.user_id == user_id, ContentTag.user_id == user_id, ContentTag.tag_id == tag_id)
        .order_by(*newest)
        .limit(MAX_ITEMS + 1)
    )


def chosen_contents(user_id: int, content_ids: Sequence[int]) -> Select[Any]:
    """The contents with these ids, in their order."""
    ids = func.unnest(literal(list(content_ids), ARRAY(BigInteger)))
    wanted = ids.table_valued("content_id", with_ordinality="position").render_derived(name="wanted")
    return _links(wanted.c.position).join(wanted, wanted.c.content_id == Content.id).where(Content.user_id == user_id)


def publish(
    user_id: int,
    written: dict[str, Any],
    topics: dict[str, str],
    links: Select[Any],
    *,
    at_least: int = 1,
    at_most: int = MAX_ITEMS,
) -> Select[int | None, list[int] | None]:
    """Publish an article with its topics and copies of these links.

    One row: the article's id, or None where the links are fewer or more than wanted, and the ids of those found.
    """
    found = links.cte("links")
    size = select(func.count()).select_from(found).scalar_subquery()
    thumbnails = (
        select(found.c.thumbnail)
        .where(found.c.thumbnail.is_not(None))
        .order_by(found.c.position)
        .limit(MAX_THUMBNAILS)
        .scalar_subquery()
    )
    values: dict[str, ColumnElement[Any]] = {
        "user_id": literal(user_id, BigInteger),
        "title": literal(written["title"]),
        "body": literal(written["body"]),
        "topics": literal(list(topics.values()), ARRAY(Text)),
        "item_count": size,
        "thumbnails": func.array(thumbnails, type_=ARRAY(Text)),
    }
    ranks = [getattr(Article, name) for name in RANKED_BY]
    article = (
        insert(Article)
        .from_select(list(values), select(*values.values()).where(size.between(at_least, at_most)))
        .returning(Article.id, *ranks)
        .cte("article")
    )
    items = insert(ArticleItem).from_select(
        ["article_id", "position", *COPIED, "video_length"],
        select(article.c.id, found.c.position - 1, *(found.c[name] for name in COPIED), found.c.video_length).join_from(
            article, found, true()
        ),
    )
    spelled = _unnested(topics)
    topic_rows = insert(ArticleTopic).from_select(
        ["topic_key", "topic", "article_id", *RANKED_BY],
        select(spelled.c.topic_key, spelled.c.topic, *article.c).join_from(article, spelled, true()),
    )
    return select(
        select(article.c.id).scalar_subquery(),
        select(func.array_agg(found.c.content_id)).scalar_subquery(),
    ).add_cte(items.cte("items"), topic_rows.cte("topic_rows"))


def _unnested(topics: dict[str, str]) -> Any:
    arrays = (literal(list(topics), ARRAY(Text)), literal(list(topics.values()), ARRAY(Text)))
    return func.unnest(*arrays).table_valued("topic_key", "topic").render_derived(name="spelled")


def article_exists(article_id: int) -> Select[int]:
    """The article's id, or no row."""
    return select(Article.id).where(Article.id == article_id)


def article_for_update(user_id: int, article_id: int) -> Select[Article]:
    """One of the owner's articles with its topics, locked."""
    return (
        select(Article)
        .where(Article.user_id == user_id, Article.id == article_id)
        .options(selectinload(Article.topic_rows))
        .with_for_update()
    )


def delete_article(user_id: int, article_id: int) -> ReturningDelete[int]:
    """Delete an article with what belongs to it; its id, or no row."""
    return delete(Article).where(Article.user_id == user_id, Article.id == article_id).returning(Article.id)


def article_links(article_id: int) -> Select[str, ArticleItem]:
    """The article's title and its links, a row each, in their order; no row when there is no such article."""
    return (
        select(Article.title.label("article_title"), ArticleItem)
        .join(ArticleItem, ArticleItem.article_id == Article.id)
        .where(Article.id == article_id)
        .order_by(ArticleItem.position)
    )


TOPIC_USES = 20_000
"""How much `topics` reads: the time it takes is the same, however many articles there are."""


def topics(order: TopicOrder, limit: int) -> Select[str, int]:
    """Topics, and how many articles have them; counted among the newest, by the last `TOPIC_USES` topics they name."""
    uses = (
        select(ArticleTopic.topic_key, ArticleTopic.topic, ArticleTopic.article_id)
        .order_by(ArticleTopic.article_id.desc())
        .limit(TOPIC_USES)
        .subquery()
    )
    count, latest = func.count(), func.max(uses.c.article_id)
    by = {TopicOrder.POPULAR: [count.desc()], TopicOrder.NEWEST: [latest.desc()], TopicOrder.NAME: []}[order]
    spelled = func.min(uses.c.topic)
    return select(spelled, count).group_by(uses.c.topic_key).order_by(*by, uses.c.topic_key).limit(limit)


# --- votes and downloads


def _locked_article(article_id: int) -> CTE:
    return (
        select(Article.id, Article.up_count, Article.down_count)
        .where(Article.id == article_id)
        .with_for_update()
        .cte("article")
    )


def _counted(article: CTE, marks: CTE, counter: str, step: int) -> Select[int]:
    """Move the article's counter a step for each of the marks, and return where it then is."""
    counted = (
        update(Article)
        .where(Article.id == marks.c.article_id)
        # Nothing of what its author wrote has changed.
        .values({counter: Article.__table__.c[counter] + step, "updated_at": Article.updated_at})
    )
    moved = select(func.count() * step).select_from(marks).scalar_subquery()
    return select(cast(article.c[counter] + moved, Integer)).add_cte(counted.cte("counted"))


def _mark(table: type[ArticleVote | ArticleDownload], counter: str, user_id: int, article_id: int) -> Select[int]:
    article = _locked_article(article_id)
    made = (
        pg_insert(table)
        .from_select(["article_id", "user_id"], select(article.c.id, literal(user_id, BigInteger)))
        .on_conflict_do_nothing()
        .returning(table.article_id)
        .cte("made")
    )
    return _counted(article, made, counter, 1)


def vote(user_id: int, article_id: int) -> Select[int]:
    """Vote for an article, once; how many have, or no row when there is no such article."""
    return _mark(ArticleVote, "up_count", user_id, article_id)


def withdraw_vote(user_id: int, article_id: int) -> Select[int]:
    """Take a vote back, if there is one; how many are left, or no row when there is no such article."""
    article = _locked_article(article_id)
    removed = (
        delete(ArticleVote)
        .where(ArticleVote.article_id == article.c.id, ArticleVote.user_id == user_id)
        .returning(ArticleVote.article_id)
        .cte("removed")
    )
    return _counted(article, removed, "up_count", -1)


def note_download(user_id: int, article_id: int) -> Select[int]:
    """Note that somebody has an article's links, once; how many have, or no row when there is no such article."""
    return _mark(ArticleDownload, "down_count", user_id, article_id)


# --- comments


def comment_on(user_id: int, article_id: int, body: str) -> Select[int]:
    """Make a comment; its id, or no row when there is no such article."""
    article = select(Article.id).where(Article.id == article_id).with_for_update(read=True, key_share=True)
    found = article.cte("article")
    made = insert(Comment).from_select(
        ["article_id", "user_id", "body"], select(found.c.id, literal(user_id, BigInteger), literal(body))
    )
    return select(made.returning(Comment.id).cte("made").c.id)


def change_comment(user_id: int, comment_id: int, body: str) -> ReturningUpdate[int]:
    """Change a comment; its id, or no row."""
    return (
        update(Comment)
        .where(Comment.user_id == user_id, Comment.id == comment_id)
        .values(body=body)
        .returning(Comment.id)
    )


def delete_comment(user_id: int, comment_id: int) -> ReturningDelete[int]:
    """Delete a comment with its votes; its id, or no row."""
    return delete(Comment).where(Comment.user_id == user_id, Comment.id == comment_id).returning(Comment.id)


def _locked_comment(comment_id: int) -> CTE:
    return (
        select(Comment.id, Comment.up_count, Comment.down_count)
        .where(Comment.id == comment_id)
        .with_for_update(key_share=True)
        .cte("comment")
    )


def vote_on_comment(user_id: int, comment_id: int, opinion: Opinion) -> Select[int, int]:
    """Vote on a comment, or change sides; how many are for and against it, or no row when there is no such comment."""
    value = 1 if opinion is Opinion.UP else -1
    comment = _locked_comment(comment_id)
    given = pg_insert(CommentVote).from_select(
        ["comment_id", "user_id", "value"],
        select(comment.c.id, literal(user_id, BigInteger), literal(value, SmallInteger)),
    )
    cast_vote = (
        given.on_conflict_do_update(
            index_elements=[CommentVote.comment_id, CommentVote.user_id],
            set_={"value": given.excluded.value},
            where=CommentVote.value != given.excluded.value,
        )
        # What was there before would say it, too, but not as it is now if it has just been changed elsewhere. A row
        # version that has replaced another, and only such a one, carries an xmax.
        .returning(CommentVote.comment_id, (column("xmax") != literal_column("0")).label("changed_sides"))
        .cte("vote")
    )
    left = case((cast_vote.c.changed_sides, 1), else_=0)
    ups, downs = (1, -left) if opinion is Opinion.UP else (-left, 1)
    return _counted_opinions(comment, cast_vote, ups, downs)


def withdraw_comment_vote(user_id: int, comment_id: int) -> Select[int, int]:
    """Take a vote back, if there is one; as `vote_on_comment`."""
    comment = _locked_comment(comment_id)
    removed = (
        delete(CommentVote)
        .where(CommentVote.comment_id == comment.c.id, CommentVote.user_id == user_id)
        .returning(CommentVote.comment_id, CommentVote.value)
        .cte("vote")
    )
    was_up = case((removed.c.value > 0, 1), else_=0)
    return _counted_opinions(comment, removed, -was_up, was_up - 1)


def _counted_opinions(
    comment: CTE, vote: CTE, ups: int | ColumnElement[int], downs: int | ColumnElement[int]
) -> Select[int, int]:
    """Move a comment's counters, and return where they then are."""
    counted = (
        update(Comment)
        .where(Comment.id == vote.c.comment_id)
        .values(up_count=Comment.up_count + ups, down_count=Comment.down_count + downs, updated_at=Comment.updated_at)
        .returning(Comment.up_count, Comment.down_count)
        .cte("counted")
    )
    return select(
        func.coalesce(counted.c.up_count, comment.c.up_count), func.coalesce(counted.c.down_count, comment.c.down_count)
    ).select_from(comment.outerjoin(counted, true()))
