"""Where people read the API document: Swagger UI at /docs, Redoc at /redoc, and from / the way there.

The scripts and styles come with the package fastapi-standalone-docs, so that nothing is loaded from elsewhere; the
pages have no script inside, and the browser is told to run none but the server's.
"""

from importlib.resources import files

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

PAGES = {"/docs": "swagger", "/redoc": "redoc"}
"""The path of each page, and of its assets below; and its name, here and in the package of the assets."""
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; worker-src blob:; "
    "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy: both programs write styles while they run, and Redoc searches in a worker."""

router = APIRouter(tags=["service"])


class Home(BaseModel):
    """What this server is, and where to read on."""

    name: str
    version: str
    docs: str
    openapi: str
    ready: str


def serve_docs(app: FastAPI) -> None:
    """Serve the pages and their assets. The application has to be made with `docs_url` and `redoc_url` None."""
    for path, name in PAGES.items():
        _serve_page(app, path, (files(__package__) / "docs" / f"{name}.html").read_text("utf-8"))
        assets = StaticFiles(packages=[("fastapi_standalone_docs", f"static/{name}"), (__package__, "docs")])
        app.mount(path, assets, name=f"{name} assets")


def _serve_page(app: FastAPI, path: str, html: str) -> None:
    async def page(_request: Request) -> Response:
        return HTMLResponse(html, headers={"Content-Security-Policy": POLICY})

    app.add_route(path, page, include_in_schema=False)


@router.get("/", response_model=Home, responses={303: {"description": "A browser is sent to the documentation."}})
async def get_home(request: Request) -> Response | Home:
    """Get the name of this server and the paths of its documents.

    A browser (`Accept: text/html`) is sent to the documentation instead.
    """
    root, app = request.scope.get("root_path", ""), request.app
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"{root}/docs", 303, {"Vary": "Accept"})
    return Home(
        name=app.title,
        version=app.version,
        docs=f"{root}/docs",
        openapi=f"{root}/openapi.json",
        ready=f"{root}/readyz",
    )
