"""The statements of comments."""

from sqlalchemy import (
    BigInteger,
    Select,
    delete,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningDelete, ReturningUpdate

from daybook.community.models import (
    Article,
    Comment,
)


def create(user_id: int, article_id: int, body: str) -> Select[int]:
    """Make a comment; its id, or no row when there is no such article."""
    article = select(Article.id).where(Article.id == article_id).with_for_update(read=True, key_share=True)
    found = article.cte("article")
    made = insert(Comment).from_select(
        ["article_id", "user_id", "body"], select(found.c.id, literal(user_id, BigInteger), literal(body))
    )
    return select(made.returning(Comment.id).cte("made").c.id)


def update_own(user_id: int, comment_id: int, body: str) -> ReturningUpdate[int]:
    """Change a comment; its id, or no row."""
    return (
        update(Comment)
        .where(Comment.user_id == user_id, Comment.id == comment_id)
        .values(body=body)
        .returning(Comment.id)
    )


def delete_own(user_id: int, comment_id: int) -> ReturningDelete[int]:
    """Delete a comment with its votes; its id, or no row."""
    return delete(Comment).where(Comment.user_id == user_id, Comment.id == comment_id).returning(Comment.id)
