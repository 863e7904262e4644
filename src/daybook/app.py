"""The composition root: what a process of Daybook is made of."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from sqlalchemy.orm import configure_mappers

import daybook.tables  # noqa: F401 - every table, before a statement refers to one
from daybook import __version__, database
from daybook.accounts.openid import OpenIDVerifier
from daybook.accounts.passwords import Passwords
from daybook.accounts.service import registration
from daybook.accounts.service.sessions import Authenticator
from daybook.accounts.tokens import AccessTokens, RefreshTokens
from daybook.api import TAGS, mount
from daybook.database.engine import Database, open_database
from daybook.diary.analyzers.analyzer import PhotoAnalyzer
from daybook.diary.analyzers.gemini import GeminiAnalyzer
from daybook.diary.analyzers.offline import OfflineAnalyzer
from daybook.diary.photos.preparer import PhotoPreparer
from daybook.diary.photos.protocol import PhotoLimits
from daybook.diary.photos.store import PhotoStore
from daybook.diary.service import photos
from daybook.diary.service.analyses import PhotoPipeline
from daybook.library.imports.worker import Importer
from daybook.library.pages.fetcher import PageFetcher
from daybook.settings import Settings
from daybook.web import docs_pages, health, problem
from daybook.web.body_limit import BodyLimit
from daybook.web.head import HeadAsGet
from daybook.web.headers import AnswerHeaders
from daybook.web.openapi import DESCRIPTION, publish_document
from daybook.web.problem import answer_errors
from daybook.web.request_id import RequestId, request_id
from daybook.web.request_log import RequestLog, configure_logging
from daybook.web.session import Clock

if TYPE_CHECKING:
    from daybook.tracing import Recorder


class State(TypedDict):
    """What the lifespan hands to every request, as `request.state`."""

    settings: Settings
    clock: Clock
    database: Database
    authenticator: Authenticator
    photo_pipeline: PhotoPipeline
    page_fetcher: PageFetcher
    importer: Importer


def create_app(
    settings: Settings | None = None,
    clock: Clock = lambda: datetime.now(UTC),
    tracing: "Recorder | None" = None,
) -> FastAPI:
    """Return the application. Nothing is connected or started before its lifespan begins.

    Every statement is traced in debug, or when a recorder is given; else the tracing package is not even imported.
    """
    settings = settings or Settings()
    if tracing is None and settings.debug:
        tracing = _recorder()
    app = FastAPI(
        title="Daybook",
        version=__version__,
        summary="Everything you ate, did and kept, on one day page.",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        servers=[{"url": "/", "description": "This server."}],
        license_info={"name": "MIT", "identifier": "MIT"},
        lifespan=_lifespan(settings, clock, tracing),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # to an address that the Host header names; there is one address for each thing
        generate_unique_id_function=lambda route: route.name,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    mount(app)
    app.include_router(health.router)
    app.include_router(problem.router)
    app.include_router(docs_pages.router)
    docs_pages.serve_docs(app)
    answer_errors(app)
    publish_document(app)
    # The last one added is the outermost.
    app.add_middleware(HeadAsGet)
    app.add_middleware(BodyLimit, max_bytes=settings.body_max_bytes, larger=_larger_bodies(settings))
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Link", "Retry-After", "X-Request-ID"],
        )
    app.add_middleware(AnswerHeaders, https_only=settings.https_only)
    app.add_middleware(RequestLog)
    if tracing is not None:
        _show_traces(app, tracing)
    app.add_middleware(RequestId)
    return app


def _lifespan(
    settings: Settings, clock: Clock, tracing: "Recorder | None"
) -> Callable[[FastAPI], AbstractAsyncContextManager[State]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[State]:
        configure_logging(level=settings.log_level, json=_json_logs(settings))
        if settings.debug:
            _make_echo_readable()
        async with AsyncExitStack() as stack:
            url = settings.database_url or await _start_embedded(settings.data_dir, stack)
            if settings.migrates_at_start:
                await asyncio.to_thread(_migrate, url)
            opened = open_database(url, settings, tracing)
            stack.push_async_callback(opened.close)
            state = State(
                settings=settings,
                clock=clock,
                database=opened,
                authenticator=_authenticator(settings, stack),
                photo_pipeline=_photo_pipeline(settings, stack),
                page_fetcher=_page_fetcher(stack),
                importer=Importer(opened, clock),
            )
            state["importer"].start()
            stack.push_async_callback(state["importer"].stop)
            sweeping = asyncio.create_task(photos.sweep_daily(opened, state["photo_pipeline"].store, clock))
            stack.callback(sweeping.cancel)
            await asyncio.to_thread(_complete, app)
            # What is there now stays until the end; the garbage collector need not walk over it again and again.
            gc.collect()
            gc.freeze()
            yield state

    return lifespan


async def invite(settings: Settings) -> str:
    """Return a new invitation to the server that has these settings."""
    async with AsyncExitStack() as stack:
        url = settings.database_url or await _start_embedded(settings.data_dir, stack)
        opened = open_database(url, settings)
        stack.push_async_callback(opened.close)
        return await registration.invite(opened, datetime.now(UTC))


def _complete(app: FastAPI) -> None:
    """Build what FastAPI and SQLAlchemy would else leave to the first request, and to those that wait behind it."""
    configure_mappers()
    nowhere = {"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": []}
    for route in app.routes:
        route.matches(nowhere)  # FastAPI prepares the routes of a router when one is asked for first


def _recorder() -> "Recorder":
    from daybook.tracing import Recorder  # noqa: PLC0415 - not to be loaded without debug

    return Recorder(request_id=request_id.get, infrastructure=[Path(database.__file__).parent])


def _make_echo_readable() -> None:
    from daybook.tracing import make_echo_readable  # noqa: PLC0415 - not to be loaded without debug

    make_echo_readable(color=sys.stderr.isatty())


def _show_traces(app: FastAPI, tracing: "Recorder") -> None:
    from daybook.tracing import TraceMiddleware, debug_routes  # noqa: PLC0415 - not to be loaded without debug

    app.router.routes.extend(debug_routes(tracing))
    app.add_middleware(TraceMiddleware, recorder=tracing)


def _json_logs(settings: Settings) -> bool:
    return settings.production if settings.log_json is None else settings.log_json


async def _start_embedded(data_dir: Path, stack: AsyncExitStack) -> str:
    from daybook.database import embedded  # noqa: PLC0415 - not to be loaded with DATABASE_URL

    stack.callback(embedded.leave_embedded, data_dir)
    return await asyncio.to_thread(embedded.start_embedded, data_dir)


def _migrate(url: str) -> None:
    from daybook.database.migrations import migrate  # noqa: PLC0415 - only a development start migrates

    migrate(url=url)


def _authenticator(settings: Settings, stack: AsyncExitStack) -> Authenticator:
    key = settings.signing_key()
    openid = OpenIDVerifier(settings.oidc_providers)
    stack.push_async_callback(openid.aclose)
    return Authenticator(
        passwords=Passwords(),
        openid=openid,
        access=AccessTokens(key, timedelta(minutes=settings.access_token_minutes)),
        refresh=RefreshTokens(
            key, timedelta(days=settings.refresh_token_days), timedelta(seconds=settings.refresh_grace_seconds)
        ),
        registration=settings.who_may_register,
    )


def _larger_bodies(settings: Settings) -> dict[str, int]:
    """How large a body may be where much comes in: base64 makes four bytes of three, and JSON or a form adds a bit."""
    photo = settings.photo_max_bytes * 4 // 3 + 100_000
    return dict.fromkeys(("/api/analyze/food", "/api/analyze/exercise", "/api/log/food/photo"), photo) | {
        "/api/contents/bulk": 10 * settings.body_max_bytes,
        "/api/contents/import": settings.import_max_bytes + 100_000,
    }


def _photo_pipeline(settings: Settings, stack: AsyncExitStack) -> PhotoPipeline:
    limits = PhotoLimits(max_bytes=settings.photo_max_bytes, max_pixels=settings.photo_max_pixels)
    preparer = PhotoPreparer(limits)
    stack.push_async_callback(preparer.close)
    analyzer = _analyzer(settings)
    stack.push_async_callback(analyzer.close)
    return PhotoPipeline(
        preparer=preparer,
        store=PhotoStore(settings.photo_store or settings.data_dir / "photos"),
        analyzer=analyzer,
        per_day=settings.analyses_per_day,
        per_day_total=settings.analyses_per_day_total,
        bulkhead=asyncio.Semaphore(max(1, settings.pool_size // 2)),
    )


def _page_fetcher(stack: AsyncExitStack) -> PageFetcher:
    fetcher = PageFetcher(f"Daybook/{__version__} (link preview)")
    stack.push_async_callback(fetcher.aclose)
    return fetcher


def _analyzer(settings: Settings) -> PhotoAnalyzer:
    if key := settings.gemini_api_key.get_secret_value():
        return GeminiAnalyzer(
            key,
            model=settings.gemini_model,
            base_url=settings.gemini_base_url,
            timeout=settings.gemini_timeout,
            retries=settings.gemini_retries,
        )
    return OfflineAnalyzer()
