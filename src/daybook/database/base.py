"""The declarative base of every mapped class: names of constraints, types of columns, common columns."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, Enum, Identity, MetaData, Text, func, inspect
from sqlalchemy.ext.associationproxy import AssociationProxy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """What every mapped class starts from."""

    # One convention, so that a migration can name what it changes (https://alembic.sqlalchemy.org/en/latest/naming.html).
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    # Whatever the database computes comes back with the statement that writes it (RETURNING).
    __mapper_args__ = {"eager_defaults": True}
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        str: Text(),
    }

    def __repr__(self) -> str:
        """Class and identity only: a repr must not load anything, nor put a person's data into a log."""
        return f"<{type(self).__name__} {inspect(self).identity}>"


BigIntId = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
"""The id of what stands in a shared URL."""

CreatedAt = Annotated[datetime, mapped_column(server_default=func.now())]
UpdatedAt = Annotated[datetime, mapped_column(server_default=func.now(), onupdate=func.now())]


class Timestamped:
    """Adds when a row was made and last changed, by the database's clock."""

    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


def enum_column(values: type[StrEnum], name: str) -> Enum:
    """Return the column type of an enumeration: text with a CHECK constraint, which a migration can widen in place."""
    return Enum(
        values,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=20,
        values_callable=lambda members: [member.value for member in members],
    )


class ValuesProxy(AssociationProxy[list[Any]]):
    """An association proxy to read: `ValuesProxy("tags", "tagname")` gives the names of an entity's loaded tags.

    SQLAlchemy's own leaves in the entity a view that refers back to it, so that only the garbage collector can free
    what was read. That costs time, and with CPython 3.11 many such entities at once end the process
    (docs/decisions/0007-tags-library-community.md).
    """

    def __get__(self, instance: object, owner: Any) -> Any:
        """Return the values in a list of their own, or on the class what SQLAlchemy makes of a proxy."""
        if instance is None:
            return super().__get__(instance, owner)
        return [getattr(one, self.value_attr) for one in getattr(instance, self.target_collection)]
