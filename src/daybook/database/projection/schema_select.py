"""From a response schema and a mapped class to the SELECT that returns the schema's JSON objects, as one row each.

Each schema becomes `LATERAL (SELECT its fields) AS "ItsName"`: the name in the outer SELECT is the whole row, which
`row_to_json` writes as an object. A to-many relationship is `ARRAY(SELECT ...)` of such rows, so that one `row_to_json`
at the top writes everything below it.
"""

from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sqlalchemy import ColumnElement, FromClause
from sqlalchemy.ext.associationproxy import AssociationProxy
from sqlalchemy.orm import RelationshipDirection, RelationshipProperty, aliased, join, outerjoin
from sqlalchemy.orm.util import AliasedClass
from sqlalchemy.sql.util import ClauseAdapter, find_tables

from daybook.database.projection.fields import allows_none, attribute_path, nested_schema, wire_name
from daybook.database.projection.json_columns import ProjectionError, json_column

Entity = type[Any] | AliasedClass[Any]


def schema_rows(
    schema: type[BaseModel], entity: Entity, *, by_alias: bool, within: tuple[type[BaseModel], ...] = ()
) -> tuple[ColumnElement[Any], FromClause]:
    """Return the row that stands for `schema`, and the FROM clause that it and criteria on `entity` come from.

    `by_alias` names the fields as on the wire, else as in Python. `within` holds the schemas that this one is
    nested in. Raises ProjectionError for what cannot be compiled.
    """
    if schema in within:
        raise ProjectionError(
            f"{within[-1].__name__} holds {schema.__name__}, which it is part of itself: a projection has a fixed "
            "depth. Declare a schema for the innermost level without that field."
        )
    if schema.model_computed_fields:
        raise ProjectionError(
            f"{schema.__name__}.{next(iter(schema.model_computed_fields))} is computed in Python. Leave it out, map "
            "its expression with column_property, or read entities."
        )
    level = _Level(schema, entity, by_alias=by_alias, within=(*within, schema))
    columns = [
        level.field(name, field).label(wire_name(name, field) if by_alias else name)
        for name, field in schema.model_fields.items()
        if not field.exclude
    ]
    row = sa.select(*columns).correlate(*(reached for reached, _ in level.entities.values())).lateral(schema.__name__)
    return row.table_valued(), join(level.source, row, sa.true())


class _Level:
    """The fields of one schema, and the to-one joins that they need."""

    def __init__(
        self, schema: type[BaseModel], entity: Entity, *, by_alias: bool, within: tuple[type[BaseModel], ...]
    ) -> None:
        self.schema = schema
        self.mapped = sa.inspect(entity).mapper.class_
        self.by_alias = by_alias
        self.within = within
        self.source: Any = entity
        # By the names of the relationships that lead there; whether a row may be absent on the way.
        self.entities: dict[tuple[str, ...], tuple[Entity, bool]] = {(): (entity, False)}

    def field(self, name: str, field: FieldInfo) -> ColumnElement[Any]:
        """Return the expression of one field."""
        path = attribute_path(self.schema, name, self.mapped)
        entity, absent = self._reach(name, path[:-1])
        mapper = sa.inspect(entity).mapper
        if path[-1] in mapper.relationships:
            return self._related(name, field, entity, mapper.relationships[path[-1]])
        proxy = mapper.all_orm_descriptors.get(path[-1])
        if isinstance(proxy, AssociationProxy):
            return self._values(name, entity, mapper.relationships[proxy.target_collection], proxy.value_attr)
        if path[-1] not in mapper.column_attrs:
            raise self._error(
                name,
                f"maps to nothing: {mapper.class_.__name__} has no column or relationship {path[-1]!r}",
                "Name it as the attribute (and set validate_by_name, if there is an alias), or say where it comes from "
                "with validation_alias=AliasPath(...)",
            )
        column = getattr(entity, path[-1]).expression
        if (absent or getattr(column, "nullable", False)) and not allows_none(field.annotation):
            raise self._error(name, "may be null in the database", "Let the field be None")
        return json_column(self.schema, name, column)

    def _reach(self, name: str, steps: tuple[str, ...]) -> tuple[Entity, bool]:
        """Join along to-one relationships, each but once, and return the entity at the end."""
        if steps in self.entities:
            return self.entities[steps]
        entity, absent = self._reach(name, steps[:-1])
        relationship = sa.inspect(entity).mapper.relationships.get(steps[-1])
        if relationship is None or relationship.uselist:
            raise self._error(
                name, f"goes through {steps[-1]!r}, which is no to-one relationship", "Correct the path of its alias"
            )
        target = aliased(relationship.entity.class_)
        self.source = outerjoin(self.source, target, getattr(entity, steps[-1]).of_type(target))
        self.entities[steps] = (target, absent or _may_be_absent(relationship))
        return self.entities[steps]

    def _related(
        self, name: str, field: FieldInfo, parent: Entity, relationship: RelationshipProperty[Any]
    ) -> ColumnElement[Any]:
        """Return the rows of a to-many relationship as an array, the one of a to-one relationship as it is."""
        schema, many = nested_schema(field.annotation)
        many_rows = bool(relationship.uselist)
        if schema is None or many is not many_rows:
            wanted = "a list of a schema" if many_rows else "a schema"
            raise self._error(name, f"is the relationship {relationship}", f"Give it {wanted} as its type")
        if not many and _may_be_absent(relationship) and not allows_none(field.annotation):
            raise self._error(name, f"may be absent ({relationship})", "Let the field be None")
        child = aliased(relationship.entity.class_)
        row, source = schema_rows(schema, child, by_alias=self.by_alias, within=self.within)
        criterion = getattr(parent, relationship.key).of_type(child).__clause_element__()
        rows = sa.select(row).select_from(source).where(criterion).correlate(parent)
        if not many:
            return rows.scalar_subquery()
        return sa.func.array(rows.order_by(*_order(relationship, child, criterion)).scalar_subquery())

    def _values(
        self, name: str, parent: Entity, relationship: RelationshipProperty[Any], attribute: str
    ) -> ColumnElement[Any]:
        """Return one column of the rows of a to-many relationship as an array, which an association proxy names."""
        child = aliased(relationship.entity.class_)
        criterion = getattr(parent, relationship.key).of_type(child).__clause_element__()
        column = getattr(child, attribute).expression
        rows = sa.select(column).where(criterion).order_by(*_order(relationship, child, criterion)).correlate(parent)
        return json_column(self.schema, name, sa.func.array(rows.scalar_subquery(), type_=sa.ARRAY(column.type)))

    def _error(self, name: str, fault: str, remedy: str) -> ProjectionError:
        return ProjectionError(f"{self.schema.__name__}.{name} {fault}. {remedy}.")


def _may_be_absent(relationship: RelationshipProperty[Any]) -> bool:
    by_foreign_key = relationship.direction is RelationshipDirection.MANYTOONE
    return not by_foreign_key or any(column.nullable for column in relationship.local_columns)


def _order(
    relationship: RelationshipProperty[Any], child: Entity, criterion: ColumnElement[Any]
) -> list[ColumnElement[Any]]:
    """The relationship's order, by primary key where it has none, as it reads on the aliases of this statement."""
    target = sa.inspect(child)
    order: list[Any] = list(relationship.order_by or target.mapper.primary_key)
    adapters = [ClauseAdapter(target.selectable)]
    if relationship.secondary is not None:
        tables = find_tables(criterion, include_aliases=True, check_columns=True)
        adapters += [ClauseAdapter(one) for one in tables if one.is_derived_from(relationship.secondary)]
    for adapter in adapters:
        order = [adapter.traverse(one) for one in order]
    return order
