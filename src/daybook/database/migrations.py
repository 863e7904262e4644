"""Running the migrations, from wherever Daybook is: a checkout has them at its top, a wheel inside the package."""

from pathlib import Path

from alembic import command
from alembic.config import Config

_PACKAGE = Path(__file__).parents[1]


def migrate(revision: str = "head", *, url: str | None = None, sql: bool = False) -> None:
    """Bring the database up to a revision; with `sql`, print the statements that would do it, from an empty database.

    Without a URL it is the database of the settings. Raises CommandError for a revision that does not exist.
    """
    inside, at_the_top = _PACKAGE / "alembic.ini", _PACKAGE.parents[1] / "alembic.ini"
    config = Config(inside if inside.exists() else at_the_top)
    config.attributes["database_url"] = url
    command.upgrade(config, revision, sql=sql)
