"""The tables of tags: each user has one set of tags, for saved links and meals."""

from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, MappedSQLExpression, column_property, mapped_column, relationship

from daybook.accounts.models import owner
from daybook.database.base import Base, BigIntId, Timestamped


class ContentTag(Base):
    """A tag of a saved link. The owner is part of both keys: the database itself refuses another user's tag."""

    __tablename__ = "content_tag"

    content_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tag_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger)

    # By the id alone: the owner is set by the relationship of what is tagged.
    tag: Mapped["Tag"] = relationship(
        lazy="raise_on_sql", primaryjoin="ContentTag.tag_id == Tag.id", foreign_keys="ContentTag.tag_id"
    )

    __table_args__ = (
        # Named as text here and below: what can be tagged depends on tags, not the other way round.
        ForeignKeyConstraint(["content_id", "user_id"], ["contents.id", "contents.user_id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["tag_id", "user_id"], ["tags.id", "tags.user_id"], ondelete="CASCADE"),
        Index("ix_content_tag_tag_id_content_id", "tag_id", "content_id"),
    )


class FoodLogTag(Base):
    """A tag of a meal."""

    __tablename__ = "food_log_tag"

    food_log_id: Mapped[UUID] = mapped_column(primary_key=True)
    tag_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger)

    # By the id alone: the owner is set by the relationship of what is tagged.
    tag: Mapped["Tag"] = relationship(
        lazy="raise_on_sql", primaryjoin="FoodLogTag.tag_id == Tag.id", foreign_keys="FoodLogTag.tag_id"
    )

    __table_args__ = (
        ForeignKeyConstraint(["food_log_id", "user_id"], ["food_logs.id", "food_logs.user_id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["tag_id", "user_id"], ["tags.id", "tags.user_id"], ondelete="CASCADE"),
        Index("ix_food_log_tag_tag_id_food_log_id", "tag_id", "food_log_id"),
    )


class Tag(Timestamped, Base):
    """A user's tag."""

    __tablename__ = "tags"

    id: Mapped[BigIntId]
    user_id: Mapped[int] = owner()
    tagname: Mapped[str]
    """As it was first written."""
    tag_key: Mapped[str]
    """The name as it is compared (`tags.names.tag_key`); by Python, since lower() under ctype C knows ASCII only."""
    color: Mapped[int] = mapped_column(BigInteger)
    """0xAARRGGBB"""

    __table_args__ = (UniqueConstraint("user_id", "tag_key"), UniqueConstraint("id", "user_id"))


def _count(link: type[ContentTag | FoodLogTag]) -> MappedSQLExpression[int]:
    """Return how many things have a tag: a subquery a row, loaded only where a statement asks for the counts."""
    count = select(func.count()).where(link.tag_id == Tag.id).correlate_except(link).scalar_subquery()
    # A change of the tag itself changes no count.
    return column_property(count, deferred=True, raiseload=True, expire_on_flush=False)


Tag.content_count = _count(ContentTag)
Tag.food_log_count = _count(FoodLogTag)
