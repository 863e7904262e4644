"""What a handler or a dependency asks for, read from its signature as FastAPI reads it."""

import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any, get_args, get_origin

from fastapi.params import Depends


def parameters_of(function: Callable[..., Any]) -> Iterator[tuple[str, Any, tuple[Any, ...], Any]]:
    """Yield name, type, metadata of `Annotated` and default (`inspect.Parameter.empty` without one) of each parameter.

    Metadata that belongs to a type alias's `Annotated` is part of it, too.
    """
    for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
        annotation = parameter.annotation
        metadata: tuple[Any, ...] = ()
        if get_origin(annotation) is Annotated:
            annotation, *found = get_args(annotation)
            metadata = tuple(found)
        yield name, annotation, metadata, parameter.default


def dependency_in(metadata: tuple[Any, ...]) -> Callable[..., Any] | None:
    """Return the dependency that `Depends` or `Security` names, if the metadata of a parameter holds one."""
    for item in metadata:
        if isinstance(item, Depends):
            return item.dependency
    return None


def dependencies_of(function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Yield every dependency that a handler has, those of its dependencies included."""
    for _name, _type, metadata, _default in parameters_of(function):
        dependency = dependency_in(metadata)
        if dependency is not None:
            yield dependency
            yield from dependencies_of(dependency)
