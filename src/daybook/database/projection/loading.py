"""What of an entity a response schema reads, as SQLAlchemy's loader options."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.ext.associationproxy import AssociationProxy
from sqlalchemy.orm import Mapper, joinedload, load_only, raiseload, selectinload
from sqlalchemy.sql.base import ExecutableOption

from daybook.database.projection.fields import attribute_path, nested_schema


class _Read:
    """The columns of a class that a schema reads, and what it reads of related classes, by relationship."""

    def __init__(self) -> None:
        self.columns: set[str] = set()
        self.related: defaultdict[str, _Read] = defaultdict(_Read)


def loader_options(schema: type[BaseModel], mapped: type[Any]) -> tuple[ExecutableOption, ...]:
    """Return the loading of entities that `schema` reads: to-one relationships joined, to-many ones by a SELECT IN.

    Whatever else is asked of such an entity raises InvalidRequestError, and loads nothing. `schema` is one that a
    projection has been made of.
    """
    read = _Read()
    mapper = sa.inspect(mapped)
    _add(schema, mapper, read)
    return (*_options(mapper, read), raiseload("*", sql_only=True))


def _add(schema: type[BaseModel], mapper: Mapper[Any], read: _Read) -> None:
    for name, field in schema.model_fields.items():
        if field.exclude:
            continue
        *steps, last = attribute_path(schema, name, mapper.class_)
        owner, owner_read = mapper, read
        for step in steps:
            owner, owner_read = owner.relationships[step].mapper, owner_read.related[step]
        nested, _ = nested_schema(field.annotation)
        proxy = owner.all_orm_descriptors.get(last)
        if last in owner.relationships and nested:
            _add(nested, owner.relationships[last].mapper, owner_read.related[last])
        elif isinstance(proxy, AssociationProxy):
            owner_read.related[proxy.target_collection].columns.add(proxy.value_attr)
        else:
            owner_read.columns.add(last)


def _options(mapper: Mapper[Any], read: _Read) -> Iterator[Any]:
    # An entity has its primary key, whatever is asked of it.
    columns = read.columns or {mapper.get_property_by_column(key).key for key in mapper.primary_key}
    yield load_only(*(getattr(mapper.class_, column) for column in sorted(columns)), raiseload=True)
    for key, related in read.related.items():
        relationship = mapper.relationships[key]
        load = selectinload if relationship.uselist else joinedload
        yield load(getattr(mapper.class_, key)).options(*_options(relationship.mapper, related))
