"""The statements of votes and downloads, each with its counter.

They lock what they count on before they touch their own rows, as deleting it does: in the same order, so that none
waits for one that waits for it.
"""

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    SmallInteger,
    case,
    cast,
    column,
    delete,
    func,
    literal,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert

from daybook.community.enums import Opinion
from daybook.community.models import (
    Article,
    ArticleDownload,
    ArticleVote,
    Comment,
    CommentVote,
)


def _locked_article(article_id: int) -> CTE:
    return (
        select(Article.id, Article.up_count, Article.down_count)
        .where(Article.id == article_id)
        .with_for_update()
        .cte("article")
    )


def _count_articles(article: CTE, changed: CTE, counter: str, step: int) -> Select[int]:
    """Move the article's counter a step for each changed row, and return where it then is."""
    counted = (
        update(Article)
        .where(Article.id == changed.c.article_id)
        # Nothing of what its author wrote has changed.
        .values({counter: Article.__table__.c[counter] + step, "updated_at": Article.updated_at})
    )
    moved = select(func.count() * step).select_from(changed).scalar_subquery()
    return select(cast(article.c[counter] + moved, Integer)).add_cte(counted.cte("counted"))


def _insert_once(
    table: type[ArticleVote | ArticleDownload], counter: str, user_id: int, article_id: int
) -> Select[int]:
    article = _locked_article(article_id)
    inserted = (
        pg_insert(table)
        .from_select(["article_id", "user_id"], select(article.c.id, literal(user_id, BigInteger)))
        .on_conflict_do_nothing()
        .returning(table.article_id)
        .cte("inserted")
    )
    return _count_articles(article, inserted, counter, 1)


def vote_for_article(user_id: int, article_id: int) -> Select[int]:
    """Vote for an article, once; how many have, or no row when there is no such article."""
    return _insert_once(ArticleVote, "up_count", user_id, article_id)


def withdraw_article_vote(user_id: int, article_id: int) -> Select[int]:
    """Withdraw a vote, if there is one; how many are left, or no row when there is no such article."""
    article = _locked_article(article_id)
    removed = (
        delete(ArticleVote)
        .where(ArticleVote.article_id == article.c.id, ArticleVote.user_id == user_id)
        .returning(ArticleVote.article_id)
        .cte("removed")
    )
    return _count_articles(article, removed, "up_count", -1)


def record_download(user_id: int, article_id: int) -> Select[int]:
    """Record that somebody has downloaded an article, once; how many have, or no row when there is no such article."""
    return _insert_once(ArticleDownload, "down_count", user_id, article_id)


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
    new = pg_insert(CommentVote).from_select(
        ["comment_id", "user_id", "value"],
        select(comment.c.id, literal(user_id, BigInteger), literal(value, SmallInteger)),
    )
    cast_vote = (
        new.on_conflict_do_update(
            index_elements=[CommentVote.comment_id, CommentVote.user_id],
            set_={"value": new.excluded.value},
            where=CommentVote.value != new.excluded.value,
        )
        # Reading the old row would tell it, too, but not if another request has just changed it. A row version that
        # has replaced another one, and only such a one, has an xmax.
        .returning(CommentVote.comment_id, (column("xmax") != literal_column("0")).label("changed_sides"))
        .cte("vote")
    )
    left = case((cast_vote.c.changed_sides, 1), else_=0)
    ups, downs = (1, -left) if opinion is Opinion.UP else (-left, 1)
    return _counted_opinions(comment, cast_vote, ups, downs)


def withdraw_comment_vote(user_id: int, comment_id: int) -> Select[int, int]:
    """Withdraw a vote, if there is one; returns what `vote_on_comment` returns."""
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
