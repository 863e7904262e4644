"""The statements of imports. Each takes the owner: the caller, or for a worker the owner of the import it has claimed.

Leases follow the database's clock, which is the same for every process.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningDelete, ReturningInsert, ReturningUpdate

from daybook.library.enums import ImportStatus
from daybook.library.models import Import, ImportChunk
from daybook.library.schemas import ImportRead

MAX_PROBLEMS = 20
"""How many of the unreadable entries are reported with a reason."""

# Written as in the partial index of open imports, which a comparison with parameters would not match.
_OPEN = Import.status.in_(
    bindparam("open", [ImportStatus.WAITING, ImportStatus.RUNNING], expanding=True, literal_execute=True)
)


def insert_import(columns: Mapping[str, Any], max_open: int) -> ReturningInsert[UUID]:
    """Insert an import; its id, or no row when its owner has `max_open` unfinished ones already."""
    unfinished = select(func.count()).where(Import.user_id == columns["user_id"], _OPEN).scalar_subquery()
    row = select(*(literal(value, Import.__table__.c[name].type) for name, value in columns.items()))
    return insert(Import).from_select(list(columns), row.where(unfinished < max_open)).returning(Import.id)


INSERT_CHUNK = insert(ImportChunk).execution_options(
    sql_expected="a file is stored in pieces, so that it is never in memory as a whole"
)


def import_progress(user_id: int, import_id: UUID) -> Select[Any]:
    """The columns of an import that ImportRead has, or no row."""
    columns = [getattr(Import, name) for name in ImportRead.model_fields]
    return (
        select(*columns)
        .where(Import.user_id == user_id, Import.id == import_id)
        .execution_options(sql_expected="an import that is followed is read again and again")
    )


def delete_import(user_id: int, import_id: UUID) -> ReturningDelete[UUID]:
    """Delete an import and its file; its id, or no row."""
    return delete(Import).where(Import.user_id == user_id, Import.id == import_id).returning(Import.id)


def claim_import(lease: dt.timedelta) -> ReturningUpdate[UUID, int, str, str | None, int, int]:
    """Claim the oldest import without a live worker; its id, user_id, format, tag, read and attempt, or no row."""
    free = or_(Import.leased_until.is_(None), Import.leased_until < func.now())
    oldest = select(Import.id).where(_OPEN, free).order_by(Import.id).limit(1).with_for_update(skip_locked=True)
    return (
        update(Import)
        .where(Import.id == oldest.scalar_subquery())
        .values(status=ImportStatus.RUNNING, attempt=Import.attempt + 1, leased_until=func.now() + lease)
        .returning(Import.id, Import.user_id, Import.format, Import.tag, Import.read, Import.attempt)
    )


def import_chunk(user_id: int, import_id: UUID, position: int) -> Select[bytes]:
    """A piece of the file, or no row after its end."""
    return (
        select(ImportChunk.data)
        .join(Import, Import.id == ImportChunk.import_id)
        .where(Import.user_id == user_id, Import.id == import_id, ImportChunk.position == position)
    )


def _claimed_by(user_id: int, import_id: UUID, attempt: int) -> list[ColumnElement[bool]]:
    """The import is still claimed by this attempt."""
    return [
        Import.user_id == user_id,
        Import.id == import_id,
        Import.attempt == attempt,
        Import.status == ImportStatus.RUNNING,
    ]


def advance_import(
    user_id: int,
    import_id: UUID,
    attempt: int,
    *,
    read: int,
    counts: Mapping[str, int],
    problems: Sequence[str],
    lease: dt.timedelta,
) -> ReturningUpdate[UUID]:
    """Add to the counts of an import whose progress is `read`, and renew its lease; its id.

    No row when another attempt has claimed it, or when its progress differs: then this has been done already.
    """
    columns: dict[str, Any] = {name: getattr(Import, name) + count for name, count in counts.items()}
    columns["problems"] = (Import.problems + literal(list(problems), Import.problems.type))[1:MAX_PROBLEMS]
    columns["leased_until"] = func.now() + lease
    return (
        update(Import)
        .where(*_claimed_by(user_id, import_id, attempt), Import.read == read)
        .values(columns)
        .returning(Import.id)
    )


def finish_import(user_id: int, import_id: UUID, attempt: int, status: ImportStatus, error: str | None) -> Select[UUID]:
    """Store the outcome of an import and delete its file; its id, or no row when another attempt has claimed it."""
    finished = (
        update(Import)
        .where(*_claimed_by(user_id, import_id, attempt))
        .values(status=status, error=error, leased_until=None, finished_at=func.now())
        .returning(Import.id)
        .cte("finished")
    )
    chunks = delete(ImportChunk).where(ImportChunk.import_id.in_(select(finished.c.id))).cte("chunks")
    return select(finished.c.id).add_cte(chunks)


def release_import(user_id: int, import_id: UUID, attempt: int) -> ReturningUpdate[UUID]:
    """Give an import back to be claimed again; its id, or no row when another attempt has claimed it."""
    return (
        update(Import)
        .where(*_claimed_by(user_id, import_id, attempt))
        .values(status=ImportStatus.WAITING, leased_until=None)
        .returning(Import.id)
    )
