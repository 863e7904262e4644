"""Every error as application/problem+json (RFC 9457): the whole map from exceptions to answers."""

import inspect
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, ValidationError
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.routing import Match

from daybook.database.failures import FAILURES, classify
from daybook.errors import (
    DaybookError,
    FieldError,
    InvalidInput,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    RequestTimeout,
    TooLarge,
    Unauthenticated,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds to wait, if it is known how long.", "schema": {"type": "integer"}}
}
HEADERS: dict[int | str, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "How to sign in.", "schema": {"type": "string"}}},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}
"""The OpenAPI of the headers that problems of a status come with."""

router = APIRouter(tags=["service"])


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    loc: Annotated[list[str | int], Field(examples=[["body", "estimatedCalories"]])]
    message: Annotated[str, Field(examples=["Input should be less than or equal to 100000"])]


class Problem(BaseModel):
    """Problem details, as RFC 9457 names them."""

    type: Annotated[str, Field(examples=["/problems/invalid-input"])]
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None


class ProblemType(BaseModel):
    """A kind of problem, explained."""

    type: str
    title: str
    status: int
    meaning: str


def problems(*errors: type[DaybookError]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of a route that raises these errors; web/openapi.py adds what any may raise."""
    by_status: dict[int | str, list[type[DaybookError]]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(error)
    return {
        status: {
            "description": "; ".join(error.title for error in kinds),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {error.code: {"$ref": f"#/components/examples/{error.code}"} for error in kinds},
                }
            },
        }
        | ({"headers": HEADERS[status]} if status in HEADERS else {})
        for status, kinds in by_status.items()
    }


def problem_components() -> dict[str, dict[str, Any]]:
    """Return the OpenAPI `components` to which `problems` refers: the schema, and an example of each kind."""
    definitions = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")[1]
    examples = {
        error.code: {"summary": error.title, "value": orjson.loads(bytes(problem_response(error()).body))}
        for error in _subclasses(DaybookError)
    }
    return {"schemas": definitions["$defs"], "examples": examples}


def problem_response(error: DaybookError, *, place: str = "body") -> Response:
    """Return the answer that tells a client of this error, whose fields are in this `place` of the request."""
    fields = [{"loc": [place, *field.path], "message": field.message} for field in error.errors]
    response = _problem(error.status, error.code, error.title, error.detail, fields)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _problem(status: int, code: str, title: str, detail: str, errors: Sequence[Mapping[str, object]] = ()) -> Response:
    body = {"type": f"/problems/{code}", "title": title, "status": status, "detail": detail}
    return Response(orjson.dumps(body | {"errors": errors} if errors else body), status, media_type=MEDIA_TYPE)


def answer_errors(app: FastAPI) -> None:
    """Register the handlers. What none of them knows is a bug, and the request log answers it with 500."""
    app.add_exception_handler(DaybookError, _domain_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(ValidationError, _stray_validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    for failure in FAILURES:
        app.add_exception_handler(failure, _database_error)


@router.get("/problems/{code}", responses=problems(NotFound))
async def get_problem_type(code: str) -> ProblemType:
    """Explain what a problem's `type` means."""
    for error in _subclasses(DaybookError):
        if error.code == code:
            return ProblemType(
                type=f"/problems/{code}", title=error.title, status=error.status, meaning=inspect.getdoc(error) or ""
            )
    raise NotFound("No problem is called that.")


def _subclasses(error: type[DaybookError]) -> Iterator[type[DaybookError]]:
    yield error
    for subclass in error.__subclasses__():
        yield from _subclasses(subclass)


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DaybookError)  # noqa: S101 - tells the type checker what the registration says
    return problem_response(error, place="query" if request.method in {"GET", "HEAD"} else "body")


async def _database_error(_request: Request, error: Exception) -> Response:
    told = classify(error)
    if told is None:
        raise error
    return problem_response(told)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    found = error.errors()
    if any(problem["loc"][0] == "path" for problem in found) and (allowed := _methods_of_fixed_path(request)):
        # PATCH /api/contents/bulk: not an id that is wrong, but a method that this path does not answer.
        return _method_not_allowed(allowed)
    if any(problem["type"] == "json_invalid" for problem in found):
        return problem_response(MalformedRequest("The body is not valid JSON."))
    # The value that was sent is never repeated: it may be a password.
    fields = [
        {"loc": [_printable(part) for part in problem["loc"]], "message": problem["msg"]} for problem in found[:50]
    ]
    return _problem(InvalidInput.status, InvalidInput.code, InvalidInput.title, _sentence(fields), fields)


async def _stray_validation_error(_request: Request, error: Exception) -> Response:
    """A value that no declared model has refused, but one that a handler has made of it."""
    assert isinstance(error, ValidationError)  # noqa: S101 - as above
    log.warning("a handler was given values that %s does not take", error.title)
    found = error.errors(include_url=False, include_context=False, include_input=False)
    fields = [FieldError(tuple(map(_printable, problem["loc"])), problem["msg"]) for problem in found[:50]]
    return problem_response(InvalidInput(errors=fields))


def _sentence(fields: Sequence[dict[str, Any]]) -> str:
    where = ".".join(str(part) for part in fields[0]["loc"][1:]) or fields[0]["loc"][0]
    more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    return f"{where}: {fields[0]['message']}{more}."


def _printable(part: str | int) -> str | int:
    """A field's name comes from the client too, and may hold what no JSON encoder writes."""
    return part.encode(errors="replace").decode()[:100] if isinstance(part, str) else part


async def _http_error(request: Request, error: Exception) -> Response:
    """Tell of what the framework refuses by itself: an unknown path or method, a body it cannot read."""
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    if error.status_code == 405:
        return _method_not_allowed(_methods_of_path(request))
    detail = _DETAILS.get(error.detail, error.detail)
    if known := _KNOWN.get(error.status_code):
        response = problem_response(known(detail))
    else:
        phrase = HTTPStatus(error.status_code).phrase
        response = _problem(error.status_code, phrase.lower().replace(" ", "-"), phrase, detail)
    response.headers.update(error.headers or {})
    return response


def _method_not_allowed(methods: Collection[str]) -> Response:
    response = problem_response(MethodNotAllowed("This path does not answer that method."))
    response.headers["Allow"] = ", ".join(sorted(methods))
    return response


def _methods_of_path(request: Request) -> set[str]:
    """Return the methods that this path answers, of all routes: a route that refuses one knows only its own."""
    if fixed := _methods_of_fixed_path(request):
        return fixed
    return _with_head({method for method in _METHODS if _answers(request, method)})


def _methods_of_fixed_path(request: Request) -> set[str]:
    """Return the methods of the routes that have exactly this path, without parameters (`note_fixed_paths`)."""
    fixed: dict[str, set[str]] = getattr(request.app.state, "fixed_paths", {})
    return _with_head(fixed.get(request.url.path, set()))


def note_fixed_paths(app: FastAPI, routes: Iterable[APIRoute]) -> None:
    """Have the application know which methods its paths without parameters answer, which patterns match as well."""
    fixed: dict[str, set[str]] = {}
    for route in routes:
        if "{" not in route.path:
            fixed.setdefault(route.path, set()).update(route.methods or ())
    app.state.fixed_paths = fixed


def _with_head(methods: set[str]) -> set[str]:
    return methods | ({"HEAD"} if "GET" in methods else set())


def _answers(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_KNOWN: dict[int, type[DaybookError]] = {
    400: MalformedRequest,
    401: Unauthenticated,
    404: NotFound,
    408: RequestTimeout,
    413: TooLarge,
}
_DETAILS = {
    "Not Found": "There is nothing at this path.",
    "There was an error parsing the body": "The body could not be read.",
}
