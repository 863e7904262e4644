"""The statements of articles and topics."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    delete,
    func,
    insert,
    literal,
    select,
    true,
)
from sqlalchemy.sql.dml import ReturningDelete

from daybook.community.models import (
    RANKED_BY,
    Article,
    ArticleItem,
    ArticleTopic,
)
from daybook.community.schemas import MAX_ITEMS, MAX_THUMBNAILS
from daybook.library.models import Content, VideoMetadata
from daybook.tags.models import ContentTag

COPIED = ("url", "url_key", "content_type", "title", "description", "thumbnail", "favicon")
"""What an article copies of a saved link: never the note, which is private."""


def _as_links(position: ColumnElement[int]) -> Select[Any]:
    """Saved links, with what an article copies of them."""
    copied = [getattr(Content, name) for name in COPIED]
    return select(
        Content.id.label("content_id"), position.label("position"), *copied, VideoMetadata.video_length
    ).outerjoin(VideoMetadata, VideoMetadata.content_id == Content.id)


def contents_of_tag(user_id: int, tag_id: int) -> Select[Any]:
    """The links that have a tag, the newest first; one more than an article holds, to notice too many."""
    newest = (Content.saved_on.desc(), Content.id.desc())
    return (
        _as_links(func.row_number().over(order_by=newest))
        .join(ContentTag, ContentTag.content_id == Content.id)
        .where(Content.user_id == user_id, ContentTag.user_id == user_id, ContentTag.tag_id == tag_id)
        .order_by(*newest)
        .limit(MAX_ITEMS + 1)
    )


def chosen_contents(user_id: int, content_ids: Sequence[int]) -> Select[Any]:
    """The links with these ids, in their order."""
    ids = func.unnest(literal(list(content_ids), ARRAY(BigInteger)))
    chosen = ids.table_valued("content_id", with_ordinality="position").render_derived(name="chosen")
    links = _as_links(chosen.c.position)
    return links.join(chosen, chosen.c.content_id == Content.id).where(Content.user_id == user_id)


def publish(
    user_id: int,
    links: Select[Any],
    *,
    title: str,
    body: str,
    topics: dict[str, str],
    at_least: int,
    at_most: int = MAX_ITEMS,
) -> Select[int | None, list[int] | None]:
    """Publish an article with copies of these links and its topics, which are given by their keys.

    One row: the article's id, or None where there are fewer than `at_least` or more than `at_most` links, and the ids
    of those that were found.
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
        "title": literal(title),
        "body": literal(body),
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


def exists(article_id: int) -> Select[int]:
    """The article's id, or no row."""
    return select(Article.id).where(Article.id == article_id)


def delete_own(user_id: int, article_id: int) -> ReturningDelete[int]:
    """Delete an article with what belongs to it; its id, or no row."""
    return delete(Article).where(Article.user_id == user_id, Article.id == article_id).returning(Article.id)


def links(article_id: int) -> Select[str, ArticleItem]:
    """The article's title and its links, a row each, in their order; no row when there is no such article."""
    return (
        select(Article.title.label("article_title"), ArticleItem)
        .join(ArticleItem, ArticleItem.article_id == Article.id)
        .where(Article.id == article_id)
        .order_by(ArticleItem.position)
    )
