"""Hot operations: small reads and writes that are answered without FastAPI's machinery around them.

What FastAPI does around a small read takes twice as long as the read (docs/decisions/0010-hot-routes.md has the
figures). An operation that is declared `@hot` has a Starlette route before FastAPI's own:

    @router.get("/{log_id}", response_model=FoodLogRead, responses=problems(LogNotFound))
    @hot
    async def get_food(log_id: UUID, access: DiaryAccess) -> Response: ...

Whatever the Starlette route cannot answer it leaves to FastAPI's: a request that is not valid, to be told what is wrong
with it, and every request while `dependency_overrides` are set. So the document, the errors and the overrides are
FastAPI's, by construction. A handler that asks for more than is known here is refused when it is declared.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from inspect import Parameter, iscoroutinefunction, signature
from typing import Annotated, Any, TypeVar, get_origin

from fastapi import APIRouter, FastAPI
from fastapi.params import Header, Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Message, Receive, Scope, Send

from daybook.web.signature import dependency_in, parameters_of

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Response]])

_DECLINED = "daybook.declined"
"""What the scope of a request has that a hot route has left to FastAPI."""


class _Declined(Exception):
    """The request is FastAPI's to answer."""


class _Call:
    """An async function, and what it takes of a request."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.request: str | None = None
        self.dependencies: list[tuple[str, _Call]] = []
        self.headers: list[tuple[str, str, TypeAdapter[Any], Any]] = []
        self.query: tuple[str, type[BaseModel], BaseModel | None] | None = None
        self.body: tuple[str, type[BaseModel]] | None = None
        self.path: dict[str, TypeAdapter[Any]] = {}
        if not (iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__)):
            raise TypeError(f"{function!r} is not async, so that a hot operation cannot call it")
        for name, kind, metadata, default in parameters_of(function):
            self._take(name, kind, metadata, default)

    def _take(self, name: str, kind: Any, metadata: tuple[Any, ...], default: Any) -> None:
        dependency = dependency_in(metadata)
        is_model = isinstance(kind, type) and issubclass(kind, BaseModel)
        if kind is Request:
            self.request = name
        elif dependency is not None:
            self.dependencies.append((name, _Call(dependency)))
        elif header := next((item for item in metadata if isinstance(item, Header)), None):
            alias = header.alias or name.replace("_", "-")
            self.headers.append((name, alias, _adapter(kind, metadata), default))
        elif is_model and any(isinstance(item, Query) for item in metadata):
            self.query = (name, kind, _defaults(kind))
        elif is_model and self.body is None and default is Parameter.empty:
            self.body = (name, kind)
        elif default is Parameter.empty and not any(isinstance(item, Query) for item in metadata):
            self.path[name] = _adapter(kind, metadata)
        else:
            raise TypeError(
                f"{self.function!r}: a hot operation takes the request, dependencies, headers, parameters of its path, "
                f"one model of query parameters and one JSON body, and {name!r} is none of them"
            )

    async def __call__(self, request: Request, receive: "_Replayed") -> Any:
        """Return what the function does for this request; _Declined when an argument is not valid."""
        arguments: dict[str, Any] = {}
        try:
            for name, dependency in self.dependencies:
                arguments[name] = await dependency(request, receive)
            for name, adapter in self.path.items():
                arguments[name] = adapter.validate_python(request.path_params[name])
            for name, alias, adapter, default in self.headers:
                given = request.headers.get(alias)
                arguments[name] = default if given is None else adapter.validate_python(given)
            if self.query is not None:
                name, model, nothing = self.query
                if request.scope["query_string"] or nothing is None:
                    arguments[name] = model.model_validate(dict(request.query_params), by_alias=True, by_name=False)
                else:
                    arguments[name] = nothing
            if self.body is not None:
                name, model = self.body
                arguments[name] = model.model_validate_json(await receive.json(request))
        except ValidationError:
            raise _Declined from None
        if self.request is not None:
            arguments[self.request] = request
        return await self.function(**arguments)


class HotRoute(Route):
    """The Starlette route of a hot operation."""

    def __init__(self, app: FastAPI, route: APIRoute, call: _Call) -> None:
        missing = call.path.keys() ^ set(route.param_convertors)
        if missing:
            raise TypeError(f"{route.path} and its handler differ in {', '.join(sorted(missing))}")
        super().__init__(route.path, self, methods=route.methods, name=route.name, include_in_schema=False)
        self.methods = self._methods = set(route.methods or ())  # Starlette adds HEAD, which web/head.py sees to
        self._fixed = route.path.partition("{")[0]
        self._app = app
        self._call = call
        # As FastAPI leaves the scope, for whoever asks which route it was.
        self._scope = {"route": route, "endpoint": route.endpoint}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match what can be answered; what is nearly right (another method, say) is FastAPI's."""
        if scope["type"] != "http" or scope["method"] not in self._methods or self._fixed not in scope["path"]:
            return Match.NONE, {}  # most routes, without a regular expression
        if self._app.dependency_overrides or _DECLINED in scope:
            return Match.NONE, {}
        match, found = super().matches(scope)
        return (match, found) if match is Match.FULL else (Match.NONE, {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or leave it to FastAPI."""
        scope.update(self._scope)
        replayed = _Replayed(receive)
        try:
            response: Response = await self._call(Request(scope, receive), replayed)
        except _Declined:
            scope[_DECLINED] = True
            for key in ("route", "endpoint", "path_params"):
                del scope[key]
            await self._app.router(scope, replayed, send)
        else:
            await response(scope, receive, send)


class _Replayed:
    """A `receive` that begins with the messages of the body once it was read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: list[Message] = []

    async def json(self, request: Request) -> bytes:
        """Return the body if it is declared as JSON, else nothing, which is no JSON."""
        while not self._messages or self._messages[-1].get("more_body", False):
            self._messages.append(await self._receive())
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        return b"".join(_bodies(self._messages)) if media_type == "application/json" else b""

    async def __call__(self) -> Message:
        return self._messages.pop(0) if self._messages else await self._receive()


_CALLS: dict[Callable[..., Any], _Call] = {}


def hot(handler: Handler) -> Handler:
    """Declare that an operation is answered by a route of its own; TypeError for one that asks for too much."""
    returned = signature(handler, eval_str=True).return_annotation
    if not (isinstance(returned, type) and issubclass(returned, Response)):
        raise TypeError(f"{handler!r} is hot, and so has to return a Response")
    _CALLS[handler] = _Call(handler)
    return handler


def serve_hot_operations(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Put a route of its own before all others for each hot operation of these routers, in their order."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    found = [HotRoute(app, route, _CALLS[route.endpoint]) for route in routes if route.endpoint in _CALLS]
    app.router.routes[:0] = found


def _adapter(kind: Any, metadata: Sequence[Any]) -> TypeAdapter[Any]:
    """Return what validates a value of this type with its metadata."""
    return TypeAdapter(Annotated[(kind, *metadata)] if metadata else kind)


def _defaults(model: type[BaseModel]) -> BaseModel | None:
    """Return what a request without parameters means, None when it has to name some; TypeError for lists of values."""
    lists = [name for name, field in model.model_fields.items() if get_origin(field.annotation) in {list, set, tuple}]
    if lists:
        raise TypeError(f"{model.__name__}.{lists[0]} takes several values, which a hot operation's query cannot")
    try:
        return model()
    except ValidationError:
        return None


def _bodies(messages: Sequence[Message]) -> Iterator[bytes]:
    for message in messages:
        yield message.get("body", b"")
