"""The `daybook` command: serve, migrate, invite, and what else is needed to host Daybook.

argparse and not typer: five commands with seven options between them are not worth a dependency.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import make_url

from daybook import __version__
from daybook.settings import Environment, Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name (by default the process's own) and return its exit status.

    It is 2, with a sentence for each fault, when a setting is wrong; argparse exits with 2 for a wrong argument.
    """
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except ValidationError as error:
        variables = Settings.variables()
        for problem in error.errors(include_url=False, include_input=False):
            where = ".".join(variables.get(str(part), str(part)) for part in problem["loc"]) or "settings"
            print(f"{where}: {problem['msg']}", file=sys.stderr)
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="daybook",
        description="Everything you ate, did and kept, on one day page: the server.",
        epilog="Settings come from the environment and from .env; `daybook settings` prints them.",
    )
    parser.add_argument("--version", action="version", version=f"daybook {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve the API", description="Serve the API until stopped.")
    serve.add_argument("--host", help="the address to listen on (default: DAYBOOK_HOST, else 127.0.0.1)")
    serve.add_argument("--port", type=int, help="the port to listen on (default: DAYBOOK_PORT, else 8000)")
    serve.add_argument("--workers", type=int, help="how many processes (default: DAYBOOK_WORKERS, else 1)")
    serve.add_argument(
        "--debug",
        action=argparse.BooleanOptionalAction,
        help="echo and trace every statement, in development (default: DAYBOOK_DEBUG, else off)",
    )
    serve.set_defaults(run=_serve)

    migrate = commands.add_parser(
        "migrate",
        help="bring the database to the newest schema",
        description="Bring the database (DATABASE_URL, else the embedded one) to the newest schema, or to REVISION.",
    )
    migrate.add_argument("revision", nargs="?", default="head", metavar="REVISION", help="where to stop")
    migrate.add_argument("--sql", action="store_true", help="print the SQL for an empty database and change nothing")
    migrate.set_defaults(run=_migrate)

    invite = commands.add_parser(
        "invite",
        help="print an invitation",
        description="Print an invitation, with which one person can create an account within two weeks.",
    )
    invite.set_defaults(run=_invite)

    openapi = commands.add_parser(
        "openapi", help="print the API's document", description="Print the OpenAPI document, as JSON."
    )
    openapi.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it to FILE instead")
    openapi.set_defaults(run=_openapi)

    settings = commands.add_parser(
        "settings",
        help="check the settings and print them",
        description="Check the settings and print each as its environment variable, secrets hidden.",
    )
    settings.set_defaults(run=_settings)
    return parser


def _serve(options: argparse.Namespace) -> int:
    import uvicorn  # noqa: PLC0415 - the other commands start faster without it

    for name in ("host", "port", "workers", "debug"):
        if (value := getattr(options, name)) is not None:
            # By the environment, because each worker process reads the settings for itself.
            os.environ[Settings.variables()[name]] = str(value)
    settings = Settings()
    uvicorn.run(
        "daybook.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        log_config=None,
        access_log=False,
        server_header=False,
        http="daybook.web.protocol:BoundedProtocol",
        limit_concurrency=settings.max_connections,
        timeout_graceful_shutdown=30,
    )
    return 0


def _migrate(options: argparse.Namespace) -> int:
    from alembic.util import CommandError  # noqa: PLC0415 - a server does without Alembic
    from asyncpg import PostgresError  # noqa: PLC0415

    from daybook.database.migrations import migrate  # noqa: PLC0415

    Settings()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        migrate(options.revision, sql=options.sql)
    except (CommandError, PostgresError, OSError) as error:
        print(f"The database was not migrated: {error}", file=sys.stderr)
        return 1
    return 0


def _invite(_options: argparse.Namespace) -> int:
    from daybook.app import invite  # noqa: PLC0415 - the other commands do without the application

    print(asyncio.run(invite(Settings())))
    return 0


def _openapi(options: argparse.Namespace) -> int:
    from daybook.app import create_app  # noqa: PLC0415 - the other commands do without the application

    # The document is the same in production, which would ask for settings that it does not need.
    app = create_app(Settings(environment=Environment.DEVELOPMENT, debug=False))
    document = json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"
    if options.output is None:
        sys.stdout.write(document)
    else:
        options.output.write_text(document, encoding="utf-8")
    return 0


def _settings(_options: argparse.Namespace) -> int:
    settings = Settings()
    values = settings.model_dump(mode="json")
    if settings.database_url:
        values["database_url"] = make_url(settings.database_url).render_as_string(hide_password=True)
    for name, variable in Settings.variables().items():
        print(f"# {variable}=" if values[name] is None else f"{variable}={_written(values[name])}")
    return 0


def _written(value: object) -> str:
    """The value as it is written in the environment."""
    match value:
        case str():
            return value
        case list():
            return ",".join(value)
        case _:
            return json.dumps(value, ensure_ascii=False)
