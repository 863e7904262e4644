"""What the fields of a response schema say: where their values come from, and what they are called."""

from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import AliasChoices, AliasPath, BaseModel
from pydantic.fields import FieldInfo


def attribute_path(schema: type[BaseModel], name: str, mapped: type[Any]) -> tuple[str, ...]:
    """Return the attributes that lead from an entity to a field's value, as Pydantic's from_attributes follows them.

    That is the first of its aliases, and of its own name if the schema takes that, too, whose first step `mapped` has;
    the last of them when it has none.
    """
    field, config = schema.model_fields[name], schema.model_config
    paths: list[tuple[str, ...]] = []
    if field.validation_alias is not None and config.get("validate_by_alias", True):
        paths += _paths(field.validation_alias)
    if not paths or config.get("populate_by_name") or config.get("validate_by_name"):
        paths.append((name,))
    return next((path for path in paths if hasattr(mapped, path[0])), paths[-1])


def wire_name(name: str, field: FieldInfo) -> str:
    """Return what the field is called in JSON."""
    return field.serialization_alias or field.alias or name


def nested_schema(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the schema in `Schema`, `Schema | None` or `list[Schema]`, and whether it is a list."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return nested_schema(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        others = [argument for argument in get_args(annotation) if argument is not NoneType]
        return nested_schema(others[0]) if len(others) == 1 else (None, False)
    if origin is list:
        return nested_schema(get_args(annotation)[0])[0], True
    return (annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None), False


def allows_none(annotation: Any) -> bool:
    """Return whether a field of this type may be None."""
    if annotation in {Any, None, NoneType}:
        return True
    origin = get_origin(annotation)
    if origin is Annotated:
        return allows_none(get_args(annotation)[0])
    return origin in {Union, UnionType} and any(map(allows_none, get_args(annotation)))


def _paths(alias: str | AliasPath | AliasChoices) -> list[tuple[str, ...]]:
    if isinstance(alias, AliasChoices):
        return [path for choice in alias.choices for path in _paths(choice)]
    if isinstance(alias, AliasPath):
        return [tuple(str(step) for step in alias.path)]
    return [(alias,)]
