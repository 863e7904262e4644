"""The API document: what FastAPI generates of the routes, completed so that clients are generated from it as it is.

Whatever follows from a route's form is derived here, and not repeated at 70 routes: its summary, the problems that any
route of its form may answer, the example of its body. web/openapi_schemas.py does the same for schemas.
"""

from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from daybook.errors import (
    DaybookError,
    Forbidden,
    InvalidInput,
    MalformedRequest,
    RequestTimeout,
    StorageFull,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from daybook.web.openapi_schemas import complete_schemas, example_of, require_answered_fields
from daybook.web.problem import problem_components, problems

JSON = "application/json"
BINARY = {"type": "string", "format": "binary"}
LINK = {"description": 'The address of the next page (`rel="next"`), if there is one.', "schema": {"type": "string"}}

DESCRIPTION = """
Bodies are JSON with names in camelCase. Times have an offset (RFC 3339); days are those of the caller's time zone.

**Authentication.** Sign in with `POST /api/users/login`, or create an API token for a script, and send either token as
`Authorization: Bearer ...`. The data of other people is answered with 404, as if it did not exist.

**Errors** are `application/problem+json` (RFC 9457). Their `type` says what went wrong and is the address of an
explanation; `errors` names the fields of the request that are not valid.

**Pagination.** A page has a `nextCursor`: pass it as `cursor` to get the next page. A list that is a bare array has the
address of its next page in the `Link` header (`rel="next"`).

**Retries.** A `POST` that takes an `Idempotency-Key` does its work once, however often it is sent with the same key.

Every answer has an `X-Request-ID`, which is in the server's log as well. `HEAD` is answered wherever `GET` is.
"""


def publish_document(app: FastAPI) -> None:
    """Have the application publish the completed document."""
    generate = app.openapi
    app.openapi = cache(lambda: complete(generate()))  # type: ignore[method-assign]  # FastAPI's documented way


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Complete a document of FastAPI's in place, and return it."""
    components = document["components"]
    requests = [operation["requestBody"] for operation in operations_of(document) if "requestBody" in operation]
    require_answered_fields(components["schemas"], requests=requests)
    for kind, definitions in problem_components().items():
        components.setdefault(kind, {}).update(definitions)
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own form of a problem
        components["schemas"].pop(unused, None)
    for operation in operations_of(document):
        _split_description(operation)
        _describe_answers(operation, components["schemas"])
        _add_problems(operation)
        for response in operation["responses"].values():
            _complete_media_types(response.get("content", {}))
        for extension in [key for key in operation if key.startswith("x-")]:
            del operation[extension]
    complete_schemas(document)
    for operation in operations_of(document):
        _complete_parameters(operation.get("parameters", []))
        _add_links(operation)
        body = operation.get("requestBody", {}).get("content", {}).get(JSON)
        if body is not None and "example" not in body and "examples" not in body:
            for example in example_of(body["schema"], components["schemas"]):
                body["example"] = example
    return document


def operations_of(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the operations of a document."""
    for path in document["paths"].values():
        yield from path.values()


def _split_description(operation: dict[str, Any]) -> None:
    """Make the summary of the first sentence of the endpoint's docstring, which FastAPI has as the description."""
    made_of_the_name = operation["operationId"].replace("_", " ").title()
    if operation["summary"] != made_of_the_name or "description" not in operation:
        return
    first, *paragraphs = operation.pop("description").split("\n\n")
    summary, _, rest = " ".join(first.split()).partition(". ")
    operation["summary"] = summary.removesuffix(".")
    if description := "\n\n".join(filter(None, (rest, *paragraphs))):
        operation["description"] = description


def _add_problems(operation: dict[str, Any]) -> None:
    """Add the problems that follow from an operation's form to those that its route declares."""
    responses = operation["responses"]
    if JSON in responses.get("422", {}).get("content", {}):
        del responses["422"]  # FastAPI's own
    for status, derived in problems(*_problems_of_form(operation)).items():
        declared = responses.setdefault(str(status), derived)
        if declared is not derived:
            (content,), (more,) = declared["content"].values(), derived["content"].values()
            content["examples"] |= more["examples"]
            if derived["description"] not in declared["description"]:
                declared["description"] += f"; {derived['description']}"
    operation["responses"] = dict(sorted(responses.items()))


def _problems_of_form(operation: dict[str, Any]) -> Iterator[type[DaybookError]]:
    yield MalformedRequest  # one without a Host, at least
    if "requestBody" in operation:
        yield from (RequestTimeout, TooLarge, StorageFull)
    if "security" in operation:
        yield from (Unauthenticated, Forbidden)
    if "requestBody" in operation or "parameters" in operation:
        yield InvalidInput
    if "requestBody" in operation or "security" in operation:  # what asks the database
        yield Unavailable
    yield DaybookError


def _describe_answers(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Describe an answer that is not described by what it holds."""
    for status, response in operation["responses"].items():
        if response["description"] == "Successful Response":
            schema = response.get("content", {}).get(JSON, {}).get("schema", {})
            held = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
            response["description"] = held.get("description") or HTTPStatus(int(status)).phrase


def _complete_media_types(content: dict[str, Any]) -> None:
    """Give a schema to media types that are not JSON, whose handlers answer with bytes of their own."""
    for media_type, described in content.items():
        described.pop("itemSchema", None)  # OpenAPI 3.2, in a document that says 3.1
        if "schema" not in described:
            text = {"type": "string"} if media_type.startswith("text/") else BINARY
            described["schema"] = {} if media_type == JSON else text


def _complete_parameters(parameters: list[dict[str, Any]]) -> None:
    """Put descriptions where they are looked for, and write the names of headers as they are written elsewhere."""
    for parameter in parameters:
        if description := parameter["schema"].pop("description", None):
            parameter["description"] = description
        if parameter["in"] == "header":
            parameter["name"] = parameter["name"].title()


def _add_links(operation: dict[str, Any]) -> None:
    """Name the header that leads to the next page of a bare array."""
    parameters = {parameter["name"] for parameter in operation.get("parameters", ())}
    for response in operation["responses"].values():
        schema = response.get("content", {}).get(JSON, {}).get("schema", {})
        if schema.get("type") == "array" and "cursor" in parameters:
            response["headers"] = {"Link": LINK}
