"""What a failure of the database means: the one place that reads sqlstates.

The class of the exception says little (after a restart nothing arrives as OperationalError), so what is
judged is the sqlstate (https://www.postgresql.org/docs/current/errcodes-appendix.html).
"""

import asyncpg
import sqlalchemy.exc
from sqlalchemy.exc import DBAPIError

from daybook.errors import AccountDeleted, DaybookError, InvalidInput, StorageFull, Unavailable

FAILURES = (
    DBAPIError,
    sqlalchemy.exc.TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ConnectionError,
    TimeoutError,
)
"""What a database raises when it fails: to be given to `classify`."""

CONSTRAINT_VIOLATIONS = (sqlalchemy.exc.IntegrityError, asyncpg.IntegrityConstraintViolationError)
"""What it raises for a row that a constraint refuses, in a session and on the driver: `constraint_of` names which."""

# Trying again later is right: connections lost or refused, a server that starts, stops or follows another,
# timeouts and locks, serialisation failures and deadlocks.
_TRANSIENT_CLASSES = ("08", "40", "53", "57", "58")
_TRANSIENT = {"25006", "55P03", "55006"}
_DISK_FULL = "53100"
_CLASS_BAD_VALUE = "22"
_FOREIGN_KEY = "23503"


def classify(error: BaseException) -> DaybookError | None:
    """Return what a client is told of this failure; None when it is a bug of Daybook's.

    A value that no column can hold is InvalidInput, an account that is gone AccountDeleted, a full disk
    StorageFull; everything that a later try may mend is Unavailable.
    """
    driver = _driver_error(error)
    sqlstate = getattr(driver, "sqlstate", None)
    if sqlstate == _DISK_FULL:
        return StorageFull("The database has no room left.")
    if sqlstate in _TRANSIENT or (sqlstate or "").startswith(_TRANSIENT_CLASSES):
        return Unavailable("The database could not do this now; try again shortly.", retry_after=1)
    if (sqlstate or "").startswith(_CLASS_BAD_VALUE):
        return InvalidInput("The request holds a value that cannot be stored.")
    if sqlstate == _FOREIGN_KEY and str(constraint_of(error)).endswith("_users"):
        return AccountDeleted()
    if sqlstate == _FOREIGN_KEY and str(constraint_of(error)).endswith("_tags"):
        return Unavailable("A tag has been deleted at the same moment; try again.", retry_after=1)
    if isinstance(driver, sqlalchemy.exc.TimeoutError):
        return Unavailable("Every database connection is in use; try again shortly.", retry_after=1)
    if isinstance(driver, ConnectionError | TimeoutError) or _connection_lost(error, driver):
        return Unavailable("The connection to the database was lost; try again shortly.", retry_after=1)
    return None


def constraint_of(error: BaseException) -> str | None:
    """Return the name of the constraint that this failure names, if it names one."""
    return getattr(_driver_error(error), "constraint_name", None)


def _driver_error(error: BaseException) -> BaseException:
    """Return asyncpg's own error behind SQLAlchemy's wrappers, which hide its fields."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


def _connection_lost(error: BaseException, driver: BaseException) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    # asyncpg gives no sqlstate to what it notices by itself.
    if isinstance(driver, asyncpg.InternalClientError):
        return True
    return isinstance(driver, asyncpg.InterfaceError) and "clos" in str(driver)
