"""What may be null, as far as the mapping tells; what it does not tell of may be."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause
from sqlalchemy.orm import RelationshipDirection, RelationshipProperty
from sqlalchemy.sql import elements, functions, operators, visitors

NEVER = {"count", "now", "row_number", "rank", "dense_rank"}
"""Functions that never return null."""
AGGREGATES = {"count", "sum", "min", "max", "avg", "bool_and", "bool_or", "every"}
MAY_LEAVE_NO_ROW = ("GROUP BY", "HAVING", "LIMIT", "OFFSET", "FETCH")
STRICT = {"lower", "upper", "length", "char_length", "abs", "round"}
"""Functions that return null of null only."""
PLAIN_OPERATORS = {
    operators.add, operators.sub, operators.mul, operators.truediv, operators.floordiv, operators.mod,
    operators.concat_op, operators.eq, operators.ne, operators.lt, operators.le, operators.gt, operators.ge,
    operators.and_, operators.or_, operators.like_op, operators.ilike_op,
}  # fmt: skip
"""Operators that return null of null only; others (of JSON, of arrays) may look for what is not there."""


def may_be_null(expression: Any) -> bool:
    """Return whether the value of an expression over the columns of one row may be null."""
    match expression:
        case sa.ColumnClause(table=table) if table is not None and not isinstance(table, sa.Table):
            return _of_subquery(expression, table)
        case sa.Column():
            return bool(expression.nullable)
        case sa.BindParameter():
            return expression.required or expression.value is None
        case sa.ScalarSelect():
            return _of_aggregate(expression)
        case functions.FunctionElement(name="coalesce"):
            return all(map(may_be_null, expression.clauses))
    operands = _operands(expression)
    return operands is None or any(map(may_be_null, operands))


def _operands(expression: Any) -> Sequence[Any] | None:
    """What an expression is null of, if any of it is; None for an expression that may be null of itself."""
    match expression:
        case sa.Exists() | elements.True_() | elements.False_():
            return []
        case elements.Label() | elements.Grouping() | elements.Over():
            return [expression.element]
        case elements.Cast() | elements.TypeCoerce():
            return [expression.clause]
        case elements.UnaryExpression(operator=operators.inv | operators.neg):
            return [expression.element]
        case elements.Case(else_=else_) if else_ is not None:
            return [*(result for _, result in expression.whens), else_]
        case functions.FunctionElement(name=name) if name in NEVER:
            return []
        case functions.FunctionElement(name=name) if name in STRICT:
            return list(expression.clauses)
        case elements.BinaryExpression(operator=operators.is_ | operators.is_not):
            return []
        case elements.BinaryExpression(operator=operator) if operator in PLAIN_OPERATORS:
            return [expression.left, expression.right]
        case elements.ExpressionClauseList(operator=operator) if operator in PLAIN_OPERATORS:
            return list(expression.clauses)
    return None


def has_outer_join(selectable: FromClause) -> bool:
    """Return whether columns that are never null may be null in it."""
    parts = list(visitors.iterate(selectable))
    # What a SELECT of the ORM joins, it knows only in the end.
    joined = [source for part in parts if isinstance(part, sa.Select) for source in part.get_final_froms()]
    parts += [part for source in joined for part in visitors.iterate(source)]
    return any(isinstance(part, sa.Join) and (part.isouter or part.full) for part in parts)


def may_be_absent(relationship: RelationshipProperty[Any]) -> bool:
    """Return whether a to-one relationship may lead nowhere: always, but along a foreign key that is never null."""
    if relationship.direction is not RelationshipDirection.MANYTOONE:
        return True
    pairs = relationship.local_remote_pairs or []
    comparisons = [one for one in visitors.iterate(relationship.primaryjoin) if isinstance(one, sa.BinaryExpression)]
    by_key_alone = len(comparisons) == len(pairs) and all(local.references(remote) for local, remote in pairs)
    return not by_key_alone or any(local.nullable for local, _ in pairs)


def _of_aggregate(scalar: sa.ScalarSelect[Any]) -> bool:
    """A sub-select surely has a row only where it aggregates all that it finds."""
    select = scalar.element
    if not isinstance(select, sa.Select) or any(clause in str(select) for clause in MAY_LEAVE_NO_ROW):
        return True
    [column] = select.exported_columns
    aggregates = {getattr(part, "name", None) for part in visitors.iterate(column)} & AGGREGATES
    return not aggregates or may_be_null(column)


def _of_subquery(column: ColumnElement[Any], selectable: FromClause) -> bool:
    roots = column.base_columns - {column}
    return has_outer_join(selectable) or not roots or any(map(may_be_null, roots))
