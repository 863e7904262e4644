"""From a response schema and a mapped class to the SELECT that returns the schema's JSON objects, as one row each.

Each schema becomes `LATERAL (SELECT its fields) AS "ItsName"`: the name in the outer SELECT is the whole row, which
`row_to_json` writes as an object. A to-many relationship is `ARRAY(SELECT ...)` of such rows, so that one `row_to_json`
at the top writes everything below it.
"""

from typing import Any, get_args

import sqlalchemy as sa
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sqlalchemy import ColumnElement, FromClause
from sqlalchemy.ext.associationproxy import AssociationProxy
from sqlalchemy.orm import Mapper, RelationshipProperty, aliased, join, outerjoin
from sqlalchemy.orm.util import AliasedClass
from sqlalchemy.sql.util import ClauseAdapter, find_tables

from daybook.database.projection.fields import allows_none, attribute_path, nested_schema, wire_name
from daybook.database.projection.json_columns import ProjectionError, json_column
from daybook.database.projection.nullability import has_outer_join, may_be_absent, may_be_null
from daybook.database.projection.schema_checks import SchemaChecks

Entity = type[Any] | AliasedClass[Any]


def schema_rows(
    schema: type[BaseModel],
    entity: Entity,
    *,
    by_alias: bool,
    within: tuple[type[BaseModel], ...] = (),
    stored: bool = False,
) -> tuple[ColumnElement[Any], FromClause]:
    """Return the row that stands for `schema`, and the FROM clause that it and criteria on `entity` come from.

    `by_alias` names the fields as on the wire, else as in Python. `within` holds the schemas that this one is
    nested in, `stored` says that its values were checked before they were stored. Raises ProjectionError for what
    cannot be compiled.
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
    level = _Level(schema, entity, by_alias=by_alias, within=(*within, schema), stored=stored)
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
        self,
        schema: type[BaseModel],
        entity: Entity,
        *,
        by_alias: bool,
        within: tuple[type[BaseModel], ...],
        stored: bool,
    ) -> None:
        self.schema = schema
        self.checks = SchemaChecks(schema, stored=stored)
        self.mapped = sa.inspect(entity).mapper.class_
        self.by_alias = by_alias
        self.within = within
        self.source: Any = entity
        # By the names of the relationships that lead there; whether a row may be absent on the way.
        self.entities: dict[tuple[str, ...], tuple[Entity, bool]] = {(): (entity, False)}
        self._refuse_part_of_a_table(schema.__name__, sa.inspect(entity).mapper)

    def field(self, name: str, field: FieldInfo) -> ColumnElement[Any]:
        """Return the expression of one field."""
        own_serializer = self.checks.has_serializer(name)
        path = attribute_path(self.schema, name, self.mapped)
        entity, absent = self._reach(name, path[:-1])
        if absent and (field.is_required() or field.default is not None):
            raise self._error(name, "goes where there may be no row, where entities give the default", "Let it be None")
        mapper = sa.inspect(entity).mapper
        if path[-1] in mapper.relationships:
            return self._related(name, field, entity, mapper.relationships[path[-1]])
        proxy = mapper.all_orm_descriptors.get(path[-1])
        if isinstance(proxy, AssociationProxy):
            return self._values(name, field, entity, proxy)
        if path[-1] not in mapper.column_attrs:
            raise self._error(
                name,
                f"maps to nothing: {mapper.class_.__name__} has no column or relationship {path[-1]!r}",
                "Name it as the attribute (and set validate_by_name, if there is an alias), or say where it comes from "
                "with validation_alias=AliasPath(...)",
            )
        column = getattr(entity, path[-1]).expression
        null = absent or may_be_null(column) or has_outer_join(mapper.local_table)
        if null and not allows_none(field.annotation):
            raise self._error(
                name, "may be null in the database", "Let the field be None, or map coalesce(..., a value)"
            )
        return json_column(self.schema, name, column, own_serializer=own_serializer, null=null)

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
        target = self._target(name, relationship)
        self.source = outerjoin(self.source, target, getattr(entity, steps[-1]).of_type(target))
        self.entities[steps] = (target, absent or may_be_absent(relationship))
        return self.entities[steps]

    def _related(
        self, name: str, field: FieldInfo, parent: Entity, relationship: RelationshipProperty[Any]
    ) -> ColumnElement[Any]:
        """Return the rows of a to-many relationship as an array, the one of a to-one relationship as it is."""
        schema, many = nested_schema(field.annotation)
        many_rows = bool(relationship.uselist)
        if schema is None or many is not many_rows:
            expected = "a list of a schema" if many_rows else "a schema"
            raise self._error(name, f"is the relationship {relationship}", f"Give it {expected} as its type")
        if not many and may_be_absent(relationship) and not allows_none(field.annotation):
            raise self._error(name, f"may be absent ({relationship})", "Let the field be None")
        child = self._target(name, relationship)
        row, source = schema_rows(
            schema, child, by_alias=self.by_alias, within=self.within, stored=self.checks.is_stored(name)
        )
        criterion = getattr(parent, relationship.key).of_type(child).__clause_element__()
        rows = sa.select(row).select_from(source).where(criterion).correlate(parent)
        if not many:
            return rows.scalar_subquery()
        return sa.func.array(rows.order_by(*_order(relationship, child, criterion)).scalar_subquery())

    def _values(self, name: str, field: FieldInfo, parent: Entity, proxy: AssociationProxy[Any]) -> ColumnElement[Any]:
        """Return one column of the rows of a to-many relationship as an array, which an association proxy names."""
        relationship = sa.inspect(parent).mapper.relationships[proxy.target_collection]
        child = self._target(name, relationship)
        if not relationship.uselist or proxy.value_attr not in sa.inspect(child).mapper.column_attrs:
            raise self._error(
                name, "is an association proxy of something else than a column of a list", "Give it an AliasPath"
            )
        column = getattr(child, proxy.value_attr).expression
        if may_be_null(column) and not any(map(allows_none, get_args(field.annotation))):
            raise self._error(name, "may hold null", "Let its items be None")
        criterion = getattr(parent, relationship.key).of_type(child).__clause_element__()
        rows = sa.select(column).where(criterion).order_by(*_order(relationship, child, criterion)).correlate(parent)
        values = sa.func.array(rows.scalar_subquery(), type_=sa.ARRAY(column.type))
        return json_column(self.schema, name, values, own_serializer=self.checks.has_serializer(name), null=False)

    def _target(self, name: str, relationship: RelationshipProperty[Any]) -> Any:
        """Return an alias of the class that a relationship leads to."""
        if relationship.entity.is_aliased_class:
            raise self._error(name, f"goes through {relationship}, which leads to a sub-select", "Map a class on it")
        if relationship.collection_class not in {None, list}:
            raise self._error(name, f"goes through {relationship}, which is no list", "Read entities")
        self._refuse_part_of_a_table(f"{self.schema.__name__}.{name}", relationship.mapper)
        return aliased(relationship.mapper.class_)

    def _refuse_part_of_a_table(self, where: str, mapper: Mapper[Any]) -> None:
        if mapper.single and mapper.inherits:
            raise ProjectionError(
                f"{where}: {mapper.class_.__name__} shares its table with {mapper.inherits.class_.__name__}. Project "
                "that class, with a criterion on what tells them apart."
            )

    def _error(self, name: str, fault: str, remedy: str) -> ProjectionError:
        return ProjectionError(f"{self.schema.__name__}.{name} {fault}. {remedy}.")


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
