"""Plain routes, answered without what FastAPI keeps ready for the others.

What FastAPI does around a small read takes twice as long as the read. Most of it is for what few routes have:
dependencies of dependencies and with `yield`, forms, files, background tasks; and routers are matched route by route,
twice. docs/decisions/0004-what-bounds-small-requests.md has the figures.

`PlainRoutes` stands before the other routes and answers requests of plain ones, with the parameters that FastAPI found
in their signatures and FastAPI's own validation of them. A request that is not right goes on to FastAPI as it came,
which says what is wrong with it, as ever. Nothing is declared for that: a route is plain, or it is not (`is_plain`).
Of what tests may do to an application, `dependency_overrides` is the one thing that does not reach plain routes.
"""

import inspect
import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any, get_args

from fastapi import FastAPI, params
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from pydantic import BaseModel, ValidationError
from starlette.convertors import StringConvertor
from starlette.datastructures import Headers, QueryParams, URLPath
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Message, Receive, Scope, Send

_PLAIN = "daybook.plain_route"


def answer_plain_routes(app: FastAPI) -> None:
    """Have those of the routes mounted so far that are plain answered directly."""
    app.router.routes.insert(0, PlainRoutes(app.routes))


class PlainRoutes(BaseRoute):
    """The plain ones of some routes, found by their path at once."""

    include_in_schema = False

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._fixed: dict[tuple[str, str], PlainRoute | None] = {}
        self._patterns: dict[str, list[tuple[re.Pattern[str], PlainRoute | None]]] = {}
        for context in iter_route_contexts(routes):
            if isinstance(context.original_route, APIRoute):
                self._add(context)

    def _add(self, context: RouteContext) -> None:
        """Note which route FastAPI would take: the first that matches, plain or not."""
        plain = PlainRoute(context) if is_plain(context) else None
        for method in context.methods or ():
            patterns = self._patterns.setdefault(method, [])
            if context.param_convertors:
                patterns.append((context.path_regex, plain))
            else:
                before = any(pattern.match(str(context.path)) for pattern, _ in patterns)
                self._fixed.setdefault((method, str(context.path)), None if before else plain)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path if its route is plain."""
        if scope["type"] != "http":
            return Match.NONE, {}
        plain, path_params = self._find(scope["method"], scope["path"].removeprefix(scope.get("root_path", "")))
        return (Match.FULL, {_PLAIN: plain, "path_params": path_params}) if plain else (Match.NONE, {})

    def _find(self, method: str, path: str) -> tuple["PlainRoute | None", dict[str, str]]:
        if (method, path) in self._fixed:
            return self._fixed[method, path], {}
        for pattern, plain in self._patterns.get(method, ()):
            if found := pattern.match(path):
                return plain, found.groupdict()
        return None, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        await scope[_PLAIN].answer(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Leave it to the routes themselves."""
        raise NoMatchFound(name, path_params)


class PlainRoute:
    """One route, and the functions that a request of it calls: its dependencies and its endpoint."""

    def __init__(self, context: RouteContext) -> None:
        self._app = context.app
        # As FastAPI leaves the scope, for whoever asks which route it was.
        self._scope = {"route": context.original_route, "endpoint": context.endpoint}
        self._fastapi_scope = {"effective_route_context": context}
        self._dependencies = [_Call(one) for one in context.dependant.dependencies]
        self._endpoint = _Call(context.dependant)
        self._body = _body_of(context)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or have FastAPI say what is wrong with it."""
        scope.update(self._scope, fastapi=self._fastapi_scope.copy())
        request = Request(scope, receive, send)
        arguments = self._endpoint.arguments(request)
        theirs = [one.arguments(request) for one in self._dependencies]
        if arguments is None or None in theirs:
            await self._app(scope, receive, send)
            return
        if self._body is not None:
            name, schema = self._body
            messages = await _messages(receive)
            try:
                arguments[name] = schema.model_validate_json(_json(request, messages))
            except ValidationError:
                await self._app(scope, _again(messages, receive), send)
                return
        for dependency, values in zip(self._dependencies, theirs, strict=True):
            arguments[dependency.name] = await dependency.function(**(values or {}))
        response: Response = await self._endpoint.function(**arguments)
        await response(scope, receive, send)


class _Call:
    """A function, and what it takes of a request."""

    def __init__(self, dependant: Dependant) -> None:
        self.function: Callable[..., Any] = dependant.call  # type: ignore[assignment]  # only FastAPI's own have none
        self.name = str(dependant.name)
        self._request = dependant.request_param_name
        self._path = dependant.path_params
        self._query = _Parameters(dependant.query_params, QueryParams())
        self._headers = _Parameters(dependant.header_params, Headers())

    def arguments(self, request: Request) -> dict[str, Any] | None:
        """Return its arguments, or None when a parameter is not as it should be."""
        arguments: dict[str, Any] = {}
        errors: list[Any] = []
        for field in self._path:
            arguments[field.name], wrong = field.validate(request.path_params[field.alias])
            errors += wrong
        if request.scope["query_string"] or self._query.required:
            errors += self._query.read(request.query_params, arguments)
        else:
            arguments |= self._query.defaults
        errors += self._headers.read(request.headers, arguments)
        if self._request:
            arguments[self._request] = request
        return None if errors else arguments


class _Parameters:
    """Parameters of one kind, of which a request names few: FastAPI's validation sees those alone."""

    def __init__(self, fields: Sequence[ModelField], nothing: QueryParams | Headers) -> None:
        self._fields = [(one.validation_alias or one.alias, one) for one in fields]
        self.defaults: dict[str, Any] = {}
        """Of those that need not be named, and whose default can be shared."""
        for field in fields:
            found, errors = request_params_to_args([field], nothing)
            if not errors and isinstance(found[field.name], Hashable):
                self.defaults |= found
        self.required = len(self.defaults) < len(fields)
        """Whether some are to be looked at even if the request names none."""

    def read(self, received: QueryParams | Headers, arguments: dict[str, Any]) -> list[Any]:
        """Add their values to `arguments`, and return what is wrong with them."""
        arguments |= self.defaults
        named = [field for alias, field in self._fields if alias in received or field.name not in self.defaults]
        found, errors = request_params_to_args(named, received)
        arguments |= found
        return errors


def is_plain(context: RouteContext) -> bool:
    """Whether a route answers with a Response of its own and asks for nothing that this module does not know.

    It may take the request, parameters of path, query and header, one JSON body, and async dependencies that take no
    more than the request and such parameters themselves.
    """
    dependant = context.dependant
    answers = inspect.signature(dependant.call).return_annotation
    return (
        isinstance(answers, type)
        and issubclass(answers, Response)
        and _takes_little(dependant)
        and all(map(_is_plain_dependency, dependant.dependencies))
        and len({id(one.call) for one in dependant.dependencies}) == len(dependant.dependencies)
        and (not dependant.body_params or _body_of(context) is not None)
        and all(type(one) is StringConvertor for one in context.param_convertors.values())
        and context.max_body_size is None
    )


def _is_plain_dependency(dependant: Dependant) -> bool:
    return _takes_little(dependant) and bool(dependant.name) and not (dependant.dependencies or dependant.body_params)


def _takes_little(dependant: Dependant) -> bool:
    call = dependant.call
    return (inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)) and not (
        dependant.cookie_params
        or dependant.http_connection_param_name
        or dependant.websocket_param_name
        or dependant.response_param_name
        or dependant.background_tasks_param_name
        or dependant.security_scopes_param_name
        or dependant.concurrency
        or not all(map(_is_single, (*dependant.path_params, *dependant.query_params, *dependant.header_params)))
    )


def _is_single(field: ModelField) -> bool:
    """Whether a parameter is found by one name: not a model of several, nor one of several aliases."""
    annotation = field.field_info.annotation
    models = (
        one for one in (annotation, *get_args(annotation)) if isinstance(one, type) and issubclass(one, BaseModel)
    )
    return not any(models) and isinstance(field.field_info.validation_alias, str | None)


def _body_of(context: RouteContext) -> tuple[str, type[BaseModel]] | None:
    """Return the name and the schema of a JSON body that is one required model."""
    match context.dependant.body_params:
        case [field] if type(field.field_info) is params.Body and field.field_info.is_required():
            schema = field.field_info.annotation
            if isinstance(schema, type) and issubclass(schema, BaseModel) and not field.field_info.embed:
                return field.name, schema
    return None


async def _messages(receive: Receive) -> list[Message]:
    """Return all messages of a body, or those until the client went away."""
    messages = [await receive()]
    while messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


def _json(request: Request, messages: Sequence[Message]) -> bytes:
    """Return the body if it is declared as JSON, else nothing, which is no JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return b"".join(one.get("body", b"") for one in messages) if media_type == "application/json" else b""


def _again(messages: Sequence[Message], receive: Receive) -> Receive:
    """Return a `receive` that begins with messages that were received already."""
    waiting = iter(messages)

    async def again() -> Message:
        return next(waiting, None) or await receive()

    return again
