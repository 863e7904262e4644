"""What a schema does to values in Python, which PostgreSQL would not do: refused when a projection is made.

Pydantic's core schema tells all of it, however it was declared: decorators, `Annotated`, settings of the model, types
with a schema of their own.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, RootModel, TypeAdapter

from daybook.database.projection.fields import wire_name
from daybook.database.projection.json_columns import ProjectionError

LONGEST_NAME = 63
"""Bytes of a name; PostgreSQL cuts a longer one."""
CHANGES_TEXT = ("strip_whitespace", "to_lower", "to_upper")


@dataclass(frozen=True, slots=True)
class Stored:
    """Marks a field, `Annotated[TagName, Stored()]`, whose values were checked by its type before they were stored.

    So its validators would change nothing any more, and a projection leaves them out.
    """


class SchemaChecks:
    """What a schema's fields do to their values. Raises ProjectionError for what is done to all of them at once.

    With `stored`, its values were checked before they were stored, and validators count for nothing.
    """

    def __init__(self, schema: type[BaseModel], *, stored: bool) -> None:
        self._schema = schema
        self._stored = stored
        core: Mapping[str, Any] = TypeAdapter(schema).core_schema
        self._definitions: dict[str, Mapping[str, Any]] = {
            definition["ref"]: definition for definition in core.get("definitions", ())
        }
        if fault := self._fault():
            raise ProjectionError(f"{schema.__name__} {fault}, or read entities.")
        self._fields = self._fields_of(core)

    def is_stored(self, name: str) -> bool:
        """Return whether the values of this field were checked before they were stored."""
        return self._stored or any(isinstance(mark, Stored) for mark in self._schema.model_fields[name].metadata)

    def has_serializer(self, name: str) -> bool:
        """Return whether the field is written by a serializer of its own.

        Raises ProjectionError for a field whose values validators may change, or that may be left out.
        """
        kinds = dict(self._kinds(self._fields[name]["schema"], frozenset()))
        fault = None
        if "serialization_exclude_if" in self._fields[name]:
            fault = "is left out for some values, which PostgreSQL does not know of. Let it be null"
        elif "validator" in kinds and not self.is_stored(name):
            fault = (
                f"is validated by {kinds['validator']}, which may change what is stored. Give the schema of answers a "
                "plain type, or mark the field with Stored() if all that is stored went through the same validator"
            )
        elif "text" in kinds and not self.is_stored(name):
            fault = (
                f"has its text changed ({kinds['text']}). Give the schema of answers a plain type, or mark the field "
                "with Stored() if all that is stored went through the same type"
            )
        elif "union" in kinds:
            fault = "takes the first type that fits, left to right. Give it one type"
        if fault:
            raise ProjectionError(f"{self._schema.__name__}.{name} {fault}.")
        return "serializer" in kinds

    def _fault(self) -> str | None:
        schema, config = self._schema, self._schema.model_config
        shown = {name: field for name, field in schema.model_fields.items() if not field.exclude}
        names = Counter(wire_name(name, field) for name, field in shown.items())
        if issubclass(schema, RootModel):
            return "has no fields. Use what is in it"
        if twice := [name for name, times in names.items() if times > 1]:
            return f"has two fields that are called {twice[0]!r} in JSON. Rename one"
        if too_long := [name for name in (*names, schema.__name__) if len(name.encode()) > LONGEST_NAME]:
            return f"has the name {too_long[0]!r}, of more than {LONGEST_NAME} bytes. Shorten it"
        if not self._stored and (changes := [word for word in CHANGES_TEXT if config.get(f"str_{word}")]):
            return f"changes all texts (str_{changes[0]}). Give the schema of answers a configuration of its own"
        return None

    def _fields_of(self, core: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the core schemas of the fields, which what is done to the whole model is wrapped around."""
        while core["type"] != "model-fields":
            if core["type"] == "definition-ref":
                core = self._definitions[core["schema_ref"]]
                continue
            fault = None
            if "serialization" in core:
                fault = f"is written by {_called(core['serialization'])}. Declare the fields that it writes"
            elif not self._stored:
                fault = self._change_of_all(core)
            if fault:
                raise ProjectionError(f"{self._schema.__name__} {fault}, or read entities.")
            core = core["schema"]
        fields: Mapping[str, Any] = core["fields"]
        return fields

    def _change_of_all(self, core: Mapping[str, Any]) -> str | None:
        remedy = "which may change what is stored. Leave it to the schema of requests"
        if core["type"].startswith("function-"):
            return f"is validated by {_called(core)}, {remedy}"
        if core.get("custom_init"):
            return f"has an __init__ of its own, {remedy}"
        if core.get("post_init") and self._schema.model_post_init.__name__ != "init_private_attributes":
            return f"has a model_post_init, {remedy}"
        return None

    def _kinds(self, core: Any, within: frozenset[str]) -> Iterator[tuple[str, str]]:
        """What is done to a value: `validator`, `text`, `union`, `serializer`, each with how it is called."""
        if isinstance(core, list | tuple):
            for item in core:
                yield from self._kinds(item, within)
        if not isinstance(core, Mapping):
            return
        kind = core.get("type", "")
        if kind in {"model", "dataclass", "typed-dict", "literal", "enum"}:
            if "serialization" in core:
                yield "serializer", _called(core["serialization"])
            return
        if kind == "definition-ref" and core["schema_ref"] not in within:
            yield from self._kinds(self._definitions[core["schema_ref"]], within | {core["schema_ref"]})
        elif kind == "json" or (kind.startswith("function-") and not _only_checks(core)):
            yield "validator", _called(core)
        elif kind == "str" and (changes := [word for word in CHANGES_TEXT if core.get(word)]):
            yield "text", changes[0]
        elif kind == "union" and core.get("mode") == "left_to_right":
            yield "union", kind
        for name, part in core.items():
            if name == "serialization":
                yield "serializer", _called(part)
            elif name not in {"metadata", "function", "default"}:
                yield from self._kinds(part, within)


def _function(core: Mapping[str, Any]) -> Any:
    function = core.get("function")
    function = function.get("function") if isinstance(function, Mapping) else function
    return getattr(function, "func", function)


def _only_checks(core: Mapping[str, Any]) -> bool:
    """Whether a function is Pydantic's own for a constraint that a type cannot check by itself."""
    return str(getattr(_function(core), "__module__", "")).startswith("pydantic._internal.")


def _called(core: Mapping[str, Any]) -> str:
    function = _function(core)
    return str(getattr(function, "__qualname__", function or core["type"]))
