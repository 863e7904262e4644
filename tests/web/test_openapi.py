"""The API document is valid, complete, and good enough that clients are generated from it as it is."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from fastapi import FastAPI
from openapi_spec_validator import OpenAPIV31SpecValidator

from daybook.app import create_app
from daybook.settings import Settings
from daybook.web.problem import MEDIA_TYPE
from tests.fixtures.server import Person
from tests.test_access import belongings

VERBS = {
    "Analyze",
    "Bookmark",
    "Cancel",
    "Check",
    "Comment",
    "Create",
    "Delete",
    "Download",
    "End",
    "Explain",
    "Export",
    "Find",
    "Follow",
    "Get",
    "Import",
    "List",
    "Log",
    "Merge",
    "Preview",
    "Publish",
    "Refresh",
    "Remove",
    "Save",
    "Sign",
    "Update",
    "Vote",
    "Withdraw",
}
"""What a summary may begin with: it says what the operation does, in the imperative."""
PARAMETERS = re.compile(r"{(\w+)}")
FETCHES = "POST /api/contents/preview"
"""Its example is a page of the web, which no test asks for."""


@cache
def document() -> dict[str, Any]:
    return create_app(Settings(_env_file=None)).openapi()


def operations() -> dict[str, dict[str, Any]]:
    """Return every operation by its METHOD and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }


def bodies() -> dict[str, Any]:
    """Return what each operation says of its JSON body."""
    contents = {route: operation.get("requestBody", {}).get("content", {}) for route, operation in operations().items()}
    return {route: content["application/json"] for route, content in contents.items() if "application/json" in content}


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    """Return what a $ref names, or the node itself."""
    while "$ref" in node:
        _, kind, name = node["$ref"].removeprefix("#/").split("/")
        node = document()["components"][kind][name]
    return node


def nodes(node: Any = None, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object of the document with its path, but for the data of examples."""
    node = document() if node is None else node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    if isinstance(node, dict):
        yield path, node
    for key, value in children:
        if key not in {"example", "value", "default"}:
            yield from nodes(value, f"{path}/{key}")


def schemas_of_properties() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the owner, name and schema of every property; of one that may be null, the schema of what else it is."""
    for path, node in nodes():
        if isinstance(node.get("properties"), dict):
            for name, schema in node["properties"].items():
                kinds = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
                yield from ((path.rpartition("/")[2], name, resolve(kind)) for kind in kinds)


def test_it_is_valid() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [operation["operationId"] for operation in operations().values()]
    assert len(set(ids)) == len(ids)
    assert all(name.isidentifier() and name == name.lower() for name in ids)


def test_every_reference_leads_somewhere() -> None:
    references = [node["$ref"] for _, node in nodes() if "$ref" in node]
    assert all(resolve({"$ref": reference}) for reference in references)
    assert len(references) > 300


def test_summaries_say_what_an_operation_does() -> None:
    def is_good(summary: str, name: str) -> bool:
        imperative = summary.partition(" ")[0] in VERBS and summary != name.replace("_", " ").title()
        return imperative and len(summary) <= 80 and not summary.endswith(".")

    summaries = {
        route: operation["summary"]
        for route, operation in operations().items()
        if not is_good(operation["summary"], operation["operationId"])
    }
    assert summaries == {}


def test_parameters_and_tags_are_described() -> None:
    tags = [tag["name"] for tag in document()["tags"] if tag["description"]]
    assert {tag for operation in operations().values() for tag in operation["tags"]} == set(tags)
    undescribed = [
        (route, parameter["name"])
        for route, operation in operations().items()
        for parameter in operation.get("parameters", ())
        if parameter["in"] != "path" and not parameter.get("description")
    ]
    assert undescribed == []


def test_nothing_internal_is_published() -> None:
    assert [path for path, node in nodes() if any(str(key).startswith("x-") for key in node)] == []


def test_problems_are_those_of_the_status_that_they_come_with() -> None:
    for route, operation in operations().items():
        refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert "500" in refusals, route
        assert not {"401", "403"} - set(refusals) or "security" not in operation, route
        assert not {"400", "408", "413"} - set(refusals) or "requestBody" not in operation, route
        assert "422" in refusals or not {"parameters", "requestBody"} & set(operation), route
        for status, refusal in refusals.items():
            assert set(refusal["content"]) == {MEDIA_TYPE}, (route, status)
            examples = refusal["content"][MEDIA_TYPE]["examples"]
            assert examples, (route, status)
            for code, example in examples.items():
                problem = resolve(example)["value"]
                assert (problem["status"], problem["type"]) == (int(status), f"/problems/{code}"), (route, status)
                assert problem["title"], code
                assert problem["detail"], code


def test_numbers_times_days_and_ids_say_their_format() -> None:
    for owner, name, schema in schemas_of_properties():
        if schema.get("type") == "integer":
            assert schema["format"] in {"int32", "int64"}, (owner, name)
            assert all(isinstance(schema.get(bound, 0), int) for bound in ("minimum", "maximum")), (owner, name)
        if name.endswith("At"):
            assert schema.get("format") == "date-time", (owner, name)
        if name in {"date", "savedOn"}:
            assert schema.get("format") == "date", (owner, name)
        if name == "id" or name.endswith("Id"):
            assert schema.get("format") in {"uuid", "int64"}, (owner, name)


def test_what_a_patch_may_leave_out_has_no_value_that_stands_for_it() -> None:
    """Seen in what FastAPI generates: the document tells no program of defaults of fields, only people."""
    generated = FastAPI.openapi(create_app(Settings(_env_file=None)))
    models = {resolve(body["schema"])["title"] for route, body in bodies().items() if route.startswith("PATCH ")}
    fields = [
        (model, name, field)
        for model in models
        for name, field in generated["components"]["schemas"][model]["properties"].items()
    ]
    assert [(model, name) for model, name, field in fields if "default" in field] == []
    assert len(fields) > 30


def test_files_are_binary() -> None:
    def schema(route: str, name: str) -> dict[str, Any]:
        body = operations()[route]["requestBody"]["content"]["multipart/form-data"]["schema"]
        found: dict[str, Any] = resolve(body)["properties"][name]
        return found

    for route, name in {
        "POST /api/log/food/photo": "photo",
        "POST /api/analyze/food": "photo",
        "POST /api/analyze/exercise": "photo",
        "POST /api/contents/import": "file",
    }.items():
        assert (schema(route, name)["type"], schema(route, name)["format"]) == ("string", "binary"), route
    photo = operations()["GET /api/photos/{photo_id}"]["responses"]["200"]["content"]
    assert photo == {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}
    events = operations()["GET /api/imports/{import_id}/events"]["responses"]["200"]["content"]
    assert events["text/event-stream"]["schema"]["type"] == "string"


def test_every_body_has_an_example() -> None:
    assert [route for route, body in bodies().items() if "example" not in body] == []


async def test_examples_are_accepted(mina: Person) -> None:
    owned = await belongings(mina)
    refused = []
    for route in sorted(bodies().keys() - {FETCHES}):
        method, path = route.split()
        ids = {
            name: owned["food" if "/food" in path else "exercise" if name == "log_id" else name.removesuffix("_id")]
            for name in PARAMETERS.findall(path)
        }
        example = bodies()[route].get("example")
        if route.endswith("/merge") and example["into"] == ids["tag_id"]:  # by chance, the tag's own
            example = {"into": example["into"] + 1}
        answer = await mina.client.request(method, path.format(**ids), json=example)
        if answer.status_code in {400, 413, 415, 422} or answer.status_code >= 500:
            refused.append((route, answer.json()))
    assert refused == []


async def test_the_example_of_the_first_operation_works_as_it_stands(mina: Person) -> None:
    route = next(iter(operations()))
    assert route == "POST /api/log/food"
    answer = await mina.client.post("/api/log/food", json=bodies()[route]["example"])
    assert answer.status_code == 201, answer.text
