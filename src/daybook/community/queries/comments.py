"""The statements of comments."""

from sqlalchemy import delete
from sqlalchemy.sql.dml import ReturningDelete

from daybook.community.models import Comment


def delete_own(user_id: int, comment_id: int) -> ReturningDelete[int]:
    """Delete a comment with its votes; its id, or no row."""
    return delete(Comment).where(Comment.user_id == user_id, Comment.id == comment_id).returning(Comment.id)
