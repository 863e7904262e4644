"""The schemas of the API document, completed: formats that clients choose their types by, and examples of bodies."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

INT32, INT64 = 2**31, 2**63
DATA = frozenset({"const", "default", "enum", "example", "examples"})
"""Keys that hold values and not schemas."""
FIELD_KEYS = frozenset({"description", "examples"})
"""Keys that programs look for beside a field's alternatives, not inside the one that is not null."""


def require_answered_fields(schemas: dict[str, Any], *, requests: list[Any]) -> None:
    """Require every field of the schemas that only answers are made of: what has a default is written, too."""
    received: set[str] = set()
    _add_references(requests, schemas, received)
    for name, schema in schemas.items():
        if name not in received and "properties" in schema:
            schema["required"] = list(schema["properties"])
            for field in schema["properties"].values():
                field.pop("default", None)


def _add_references(node: Any, schemas: Mapping[str, Any], names: set[str]) -> None:
    """Add to `names` every schema that is referred to within, directly or not."""
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str) and (name := reference.rpartition("/")[2]) not in names:
            names.add(name)
            _add_references(schemas[name], schemas, names)
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            _add_references(item, schemas, names)


def complete_schemas(node: Any) -> None:
    """Complete every schema within in place."""
    if isinstance(node, list):
        for item in node:
            complete_schemas(item)
    if isinstance(node, dict):
        _complete(node)
        for key, value in node.items():
            if key not in DATA:
                complete_schemas(value)


def _complete(schema: dict[str, Any]) -> None:
    if schema.get("type") == "integer":
        _complete_integer(schema)
    if schema.get("format") == "uuid7":
        schema["format"] = "uuid"  # the one of the two that generators know
    if schema.get("contentMediaType") == "application/octet-stream":
        schema["format"] = "binary"  # as OpenAPI 3.0 has it, which generators know
    if len(alternatives := schema.get("anyOf", ())) == 2 and alternatives[1] == {"type": "null"}:
        for key in FIELD_KEYS & alternatives[0].keys():
            schema.setdefault(key, alternatives[0].pop(key))
    properties = schema.get("properties")
    fields = list(properties.values()) if isinstance(properties, dict) else []
    for field in (*fields, schema.get("schema")):
        if isinstance(field, dict) and isinstance(field.get("title"), str):
            del field["title"]  # the name once more, with a capital
    for field in fields:
        _describe_default(field)


def _describe_default(field: dict[str, Any]) -> None:
    """Say in words what the server does without a field: a program that is told a default sends it, or has to."""
    if (default := field.pop("default", None)) not in (None, "", []):
        field["description"] = f"{field.get('description', '')} By default, {json.dumps(default)}.".lstrip()


def _complete_integer(schema: dict[str, Any]) -> None:
    for bound in ("minimum", "maximum"):  # FastAPI makes floats of them
        if bound in schema:
            schema[bound] = int(schema[bound])
    low, high = schema.get("minimum", -INT64), schema.get("maximum", INT64)
    schema["format"] = "int32" if low >= -INT32 and high < INT32 else "int64"
    if high >= INT64:
        schema.pop("maximum", None)  # the format says it; as a float it was one too many


def example_of(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Iterator[Any]:
    """Yield an example of what a schema describes, if there is one: its own, or one made of those of its parts."""
    if "examples" in schema:
        yield schema["examples"][0]
    elif "$ref" in schema:
        yield from example_of(components[schema["$ref"].rpartition("/")[2]], components)
    elif "enum" in schema:
        yield schema["enum"][0]
    elif "const" in schema:
        yield schema["const"]
    elif "anyOf" in schema or "oneOf" in schema:
        yield from example_of((schema.get("anyOf") or schema["oneOf"])[0], components)
    elif schema.get("type") == "array":
        yield from ([example] for example in example_of(schema["items"], components))
    elif schema.get("type") == "object":
        yield from _example_of_object(schema, components)


def _example_of_object(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    properties = schema.get("properties", {})
    example = {name: value for name, described in properties.items() for value in example_of(described, components)}
    if example.keys() >= set(schema.get("required", ())):
        yield example
