"""The statements of comments."""

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import joinedload
from sqlalchemy.sql.dml import ReturningDelete

from daybook.community.models import Comment


def for_update(user_id: int, comment_id: int) -> Select[Comment]:
    """One of a person's comments with its author, locked as votes lock it."""
    return (
        select(Comment)
        .where(Comment.user_id == user_id, Comment.id == comment_id)
        .options(joinedload(Comment.author, innerjoin=True))
        .with_for_update(of=Comment, key_share=True)
    )


def delete_own(user_id: int, comment_id: int) -> ReturningDelete[int]:
    """Delete a comment with its votes; its id, or no row."""
    return delete(Comment).where(Comment.user_id == user_id, Comment.id == comment_id).returning(Comment.id)
