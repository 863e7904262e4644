"""What cannot be projected is refused where it is declared, with the field and what to do."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import AliasPath, Field, PlainSerializer, computed_field, create_model
from sqlalchemy import LargeBinary, Numeric, bindparam
from sqlalchemy.orm import Mapped, mapped_column

from daybook.database.compiled import StatementError
from daybook.database.projection import Projection, ProjectionError
from tests.database.projection_models import Author, Base, Book, Chapter, PupilRead, Schema, Tag
from tests.fixtures.executors import executor_on, leasing_engine


class Odd(Base):
    """Has what no projection takes."""

    __tablename__ = "odd"

    id: Mapped[int] = mapped_column(primary_key=True)
    blob: Mapped[bytes] = mapped_column(LargeBinary)
    exact: Mapped[Decimal] = mapped_column(Numeric)


def schema(**fields: Any) -> type[Schema]:
    return create_model("Read", __base__=Schema, **fields)


class Node(Schema):
    name: str
    pupils: list["Node"]


class Computed(Schema):
    name: str

    @computed_field
    def loud(self) -> str:
        return self.name.upper()


Epoch = Annotated[datetime, PlainSerializer(datetime.timestamp)]


@pytest.mark.parametrize(
    ("refused", "mapped", "message"),
    [
        (schema(titel=(str, ...)), Book, r"Read\.titel maps to nothing: Book has no column .* 'titel'"),
        (schema(blob=(bytes, ...)), Odd, r"Read\.blob: columns of type LargeBinary.* are not supported"),
        (schema(exact=(Decimal, ...)), Odd, r"Read\.exact: .*Numeric.* do not go together"),
        (schema(title=(int, ...)), Book, r"Read\.title: .* does not take"),
        (schema(moment=(Epoch, ...)), Book, r"Read\.moment: .* it writes 17"),
        (schema(subtitle=(str, ...)), Book, r"Read\.subtitle may be null .* Let the field be None"),
        (schema(editor=(PupilRead, ...)), Book, r"Read\.editor may be absent"),
        (schema(author=(str, ...)), Book, r"Read\.author is the relationship .* Give it a schema"),
        (schema(tags=(list[str], ...)), Book, r"Read\.tags is the relationship .* Give it a list of a schema"),
        (schema(a=(Annotated[str, Field(validation_alias=AliasPath("tags", "name"))], ...)), Book, "no to-one"),
        (Node, Author, "Node holds Node, which it is part of itself"),
        (Computed, Tag, r"Computed\.loud is computed in Python"),
    ],
)
def test_a_schema_that_does_not_fit(refused: type[Schema], mapped: type[Any], message: str) -> None:
    with pytest.raises(ProjectionError, match=message):
        Projection(refused, mapped)


def test_an_in_list() -> None:
    with pytest.raises(StatementError, match=r"'ids' is an IN list.* any_\(bindparam"):
        Projection(PupilRead, Author, where=[Author.id.in_(bindparam("ids"))])


def test_an_optional_criterion_without_parameter() -> None:
    with pytest.raises(ProjectionError, match="put it into `where`"):
        Projection(PupilRead, Author, optional=[Author.id > 3])


pupils = Projection(
    PupilRead,
    Author,
    where=[Author.mentor_id == bindparam("mentor_id")],
    optional=[Author.name.between(bindparam("first"), bindparam("last"))],
    order_by=[Author.id],
)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "missing its parameter 'mentor_id'"),
        ({"mentor_id": None}, "missing its parameter 'mentor_id'"),
        ({"mentor_id": 1, "mentor": 1}, "has no parameter mentor"),
        ({"mentor_id": 1, "first": "A"}, "missing its parameter 'last'"),
    ],
)
async def test_parameters_are_as_declared(parameters: dict[str, object], message: str) -> None:
    reader = executor_on(leasing_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none"))
    with pytest.raises(StatementError, match=message):
        await pupils.json(reader, **parameters)


@pytest.mark.parametrize(
    ("mapped", "order_by", "message"),
    [
        (Author, [Author.mentor_id, Author.id], "may be null"),
        (Author, [Author.name], "does not hold the primary key"),
        (Author, [Author.name.desc(), Author.id], "goes both ways"),
        (Chapter, [Chapter.number], "does not hold the primary key"),
        (Book, [Book.words, Book.id], "no cursor holds a ARRAY"),
    ],
)
def test_pages_need_a_key(mapped: type[Any], order_by: Sequence[Any], message: str) -> None:
    read = schema(number=(int, ...)) if mapped is Chapter else schema(id=(int, ...))
    with pytest.raises(ProjectionError, match=message + r".* pages=False\.$"):
        Projection(read, mapped, order_by=order_by)
    Projection(read, mapped, order_by=order_by, pages=False)


@pytest.mark.parametrize("listed", [{}, {"order_by": [Author.name], "pages": False}])
async def test_a_projection_without_pages(listed: dict[str, Any]) -> None:
    reader = executor_on(leasing_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none"))
    with pytest.raises(ProjectionError, match="has no pages"):
        await Projection(PupilRead, Author, **listed).page(reader, limit=1)


def test_a_parameter_that_page_takes_itself() -> None:
    with pytest.raises(ProjectionError, match="'limit' is one of `page` itself"):
        Projection(PupilRead, Author, where=[Author.id < bindparam("limit")])


async def test_a_page_takes_a_whole_key() -> None:
    reader = executor_on(leasing_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none"))
    with pytest.raises(ProjectionError, match="takes 1 values"):
        await pupils.page(reader, limit=1, after=[1, 2], mentor_id=1)
