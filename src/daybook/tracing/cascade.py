"""Joins that nobody wrote: relationships that their mapping, and not the query, loads by JOIN.

Which they are stands in `compile_state.attributes`, SQLAlchemy's own notes of a compilation: a key
`("eager_row_processor", path)` for each joined path, and `("loader", path)` where an option asked for it. Both are
private; a test pins them, and without them the mapping itself is walked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, inspect
from sqlalchemy.orm import Mapper, RelationshipProperty
from sqlalchemy.sql.compiler import SQLCompiler

_MOST_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Cascade:
    """The paths that a statement joined because the mapping says so, and what to change."""

    paths: tuple[str, ...]
    fix: str


def mapping_joins(compiled: SQLCompiler) -> Cascade | None:
    """Return the joins that the mapping made, when they are a cascade.

    They are when one is to-many, when one hangs on another, or from three on.
    """
    statement = compiled.statement
    if not isinstance(statement, Select) or not any(found.get("entity") for found in statement.column_descriptions):
        return None
    try:
        paths = list(_noted_paths(compiled.compile_state.attributes))  # type: ignore[union-attr]  # private, as said
    except (AttributeError, TypeError):
        paths = [path for found in statement.column_descriptions for path in _mapped_paths(found["type"])]
    return _judge(paths)


def joined_relationships(compiled: SQLCompiler) -> tuple[RelationshipProperty[Any], ...]:
    """Return the relationships that a statement loads by JOIN, as far as SQLAlchemy's notes tell."""
    paths = [
        [step for step in key[1] if isinstance(step, RelationshipProperty)]
        for key in getattr(compiled.compile_state, "attributes", ())
        if isinstance(key, tuple) and key[0] == "eager_row_processor"
    ]
    return tuple(path[-1] for path in paths if path)


def _judge(paths: Sequence[Sequence[RelationshipProperty[Any]]]) -> Cascade | None:
    made = {tuple(path) for path in paths}
    to_many = any(path[-1].uselist for path in made)
    nested = any(path[:-1] in made for path in made)
    if not (to_many or nested or len(made) >= 3):
        return None
    # Stopping a path's first step stops all that hangs on it.
    first = sorted(_option(path) for path in made if path[:-1] not in made)
    fix = f'lazy="raise_on_sql" on the mapping, or .options({", ".join(first)})'
    return Cascade(tuple(sorted(_name(path) for path in made)), fix)


def _option(path: Sequence[RelationshipProperty[Any]]) -> str:
    return "".join(f"joinedload({step})." for step in path[:-1]) + f"lazyload({path[-1]})"


def _name(path: Sequence[RelationshipProperty[Any]]) -> str:
    return ".".join([path[0].parent.class_.__name__, *(step.key for step in path)])


def _noted_paths(attributes: dict[Any, Any]) -> Iterator[list[RelationshipProperty[Any]]]:
    for key in attributes:
        if isinstance(key, tuple) and key[0] == "eager_row_processor" and not _asked_for(key[1], attributes):
            yield [step for step in key[1] if isinstance(step, RelationshipProperty)]


def _asked_for(path: tuple[Any, ...], attributes: dict[Any, Any]) -> bool:
    wildcards = ((*path[:-1], "relationship:*"), ("relationship:_sa_default",))
    return any(("loader", asked) in attributes for asked in (path, *wildcards))


def _mapped_paths(entity: Any) -> Iterator[list[RelationshipProperty[Any]]]:
    mapper = inspect(entity, raiseerr=False)
    return walk_mapping(mapper) if isinstance(mapper, Mapper) else iter(())


def walk_mapping(
    mapper: Mapper[Any], above: tuple[RelationshipProperty[Any], ...] = ()
) -> Iterator[list[RelationshipProperty[Any]]]:
    """Yield each path of relationships that the mapping joins, as far as it does not come round again."""
    seen = {mapper, *(step.parent for step in above)}
    for step in mapper.relationships:
        comes_round = step.mapper in seen and not step.join_depth
        if step.lazy in {"joined", False} and not comes_round and len(above) < (step.join_depth or _MOST_DEPTH):
            yield [*above, step]
            yield from walk_mapping(step.mapper, (*above, step))
