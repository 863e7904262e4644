"""Alembic's way to the database: the same settings, engine and embedded default as the application."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from daybook.settings import Settings
from daybook.tables import metadata

# Two that start at once (several application processes, say) migrate one after the other. Any number will do.
LOCK = 0x0DA1B00C


def database_url() -> str:
    """Return the URL that the caller set, or the one that the application would use."""
    url: str | None = context.config.attributes.get("database_url")
    if url:
        return url
    settings = Settings()
    if settings.database_url:
        return settings.database_url
    from daybook.database.embedded import start_embedded  # noqa: PLC0415 - not to be loaded with DATABASE_URL

    return start_embedded(settings.data_dir)


def migrate(connection: Connection) -> None:
    """Run the migrations that are asked for in one transaction."""
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.run_migrations()


async def online() -> None:
    """Connect, and migrate."""
    engine = create_async_engine(database_url(), poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()


def offline() -> None:
    """Print the SQL instead of running it (`alembic upgrade head --sql`)."""
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    offline()
else:
    asyncio.run(online())
