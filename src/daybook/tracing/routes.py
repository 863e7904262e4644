"""The page about requests and its JSON, for whoever sits at this machine."""

import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from daybook.tracing import report
from daybook.tracing.explain import CannotExplain, explain
from daybook.tracing.recorder import Recorder
from daybook.tracing.records import Statement

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
_SCRIPTS = ("dom.js", "timeline.js", "statements.js", "app.js")
_NOT_FOUND = {"detail": "There is no such trace; the last hundred are kept."}

Endpoint = Callable[[Request], Awaitable[Response]]


def debug_routes(recorder: Recorder, *, prefix: str = "/_debug/sql") -> list[Route]:
    """Return the routes under `prefix`; all of them refuse whoever is not on this machine."""

    async def overview(request: Request) -> Response:
        if _wants_html(request):
            return _page(prefix)
        return JSONResponse(report.overview(recorder.history), headers={"Cache-Control": "no-store"})

    async def forget(_request: Request) -> Response:
        recorder.history.clear()
        return Response(status_code=204)

    async def detail(request: Request) -> Response:
        trace = recorder.history.traces.get(request.path_params["id"])
        if _wants_html(request):
            return _page(prefix)
        if trace is None:
            return JSONResponse(_NOT_FOUND, 404)
        return JSONResponse(report.detail(trace), headers={"Cache-Control": "no-store"})

    async def plan(request: Request) -> Response:
        statement = _recorded(recorder, request.path_params["id"], request.path_params["number"])
        if statement is None or recorder.engine is None:
            return JSONResponse({"detail": "Only a statement that was recorded can be explained."}, 404)
        try:
            found = await explain(recorder.engine, statement, analyze="analyze" in request.query_params)
        except CannotExplain as error:
            return JSONResponse({"detail": str(error)}, 409)
        return JSONResponse({"text": found.text, "tree": found.tree})

    return [
        Route(path, _only_here(endpoint), methods=[method], include_in_schema=False)
        for method, path, endpoint in (
            ("GET", prefix, overview),
            ("GET", f"{prefix}.json", overview),
            ("DELETE", prefix, forget),
            ("GET", f"{prefix}/{{id}}.json", detail),
            ("GET", f"{prefix}/{{id}}", detail),
            ("POST", f"{prefix}/{{id}}/{{number:int}}/explain", plan),
        )
    ]


def _recorded(recorder: Recorder, identifier: str, number: int) -> Statement | None:
    trace = recorder.history.traces.get(identifier)
    return next((one for one in trace.statements if one.number == number), None) if trace is not None else None


def _only_here(endpoint: Endpoint) -> Endpoint:
    async def guarded(request: Request) -> Response:
        if not _is_local(request):
            return JSONResponse({"detail": "This page is for the machine it runs on."}, 403)
        return await endpoint(request)

    return guarded


def _is_local(request: Request) -> bool:
    """Whether a program on this machine asks, and not a web page of elsewhere that uses its browser."""
    if request.client is None or not _is_loopback(request.client.host):
        return False
    if any(header in request.headers for header in _FORWARDED):
        return False  # a proxy here speaks for somebody, who may be anywhere
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    if host != "localhost" and not _is_loopback(host):
        return False  # a name that leads here only now (DNS rebinding)
    return request.headers.get("sec-fetch-site", "none") in {"none", "same-origin"}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _wants_html(request: Request) -> bool:
    return not request.url.path.endswith(".json") and "text/html" in request.headers.get("accept", "")


def _page(prefix: str) -> Response:
    # One document, and nothing that it could fetch from elsewhere, nor run but its own script.
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    html = _template().replace("{nonce}", nonce).replace("{prefix}", prefix)
    return HTMLResponse(html, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})


@cache
def _template() -> str:
    page = files(__package__) / "page"

    def read(name: str) -> str:
        return (page / name).read_text("utf-8")

    return read("page.html").replace("{style}", read("page.css")).replace("{script}", "\n".join(map(read, _SCRIPTS)))
