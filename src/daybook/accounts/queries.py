"""The statements of accounts. What belongs to a person takes its owner as a required argument."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Date,
    Delete,
    Select,
    Update,
    and_,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.sql.dml import ReturningDelete, ReturningInsert, ReturningUpdate

from daybook.accounts.models import APIToken, Identity, RefreshToken, SignInFailures, User


def local_day(now: datetime | ColumnElement[datetime]) -> ColumnElement[date]:
    """Return the day it is where the user of the row lives, as an expression over `users`."""
    return cast(func.timezone(User.timezone, now), Date)


def known_timezone(name: str, now: datetime) -> Select[Any]:
    """Fails (sqlstate 22023) for a time zone that the database does not know, whose list Python's may run ahead of."""
    return select(func.timezone(name, now))


# --- people


def user(user_id: int) -> Select[User]:
    """The person with this id."""
    return select(User).where(User.id == user_id)


def password_hash(user_id: int) -> Select[str | None]:
    """The hash of a person's password, None for somebody who signs in through OpenID Connect only."""
    return select(User.password_hash).where(User.id == user_id)


def user_by_email(email: str) -> Select[User]:
    """The person with this email, in any letter case."""
    return select(User).where(func.lower(User.email) == func.lower(email))


def register(columns: dict[str, Any]) -> ReturningInsert[User]:
    """Make a person, or no row when the email or the user key is taken."""
    return pg_insert(User).values(columns).on_conflict_do_nothing().returning(User)


def has_user_key(user_id: int, user_key: str) -> Select[int]:
    """A row if the user key is this person's own."""
    return select(User.id).where(User.id == user_id, User.user_key == user_key)


def user_key_is_taken(user_key: str) -> Select[int]:
    """A row if anyone has this user key."""
    return select(User.id).where(User.user_key == user_key)


# --- sign-in through OpenID Connect


def user_of_identity(provider: str, subject: str) -> Select[User]:
    """The person whom this provider knows by this subject."""
    return (
        select(User)
        .join(Identity, Identity.user_id == User.id)
        .where(Identity.provider == provider, Identity.subject == subject)
    )


def link_identity(user_id: int, provider: str, subject: str) -> ReturningInsert[int]:
    """Link the identity to the person, or no row when it has just been linked to another."""
    return (
        pg_insert(Identity)
        .values(user_id=user_id, provider=provider, subject=subject)
        .on_conflict_do_nothing()
        .returning(Identity.user_id)
    )


# --- guessing passwords


def count_attempt(buckets: Sequence[bytes], now: datetime, window: timedelta) -> ReturningInsert[bytes, int, datetime]:
    """Count one more attempt in each bucket; (bucket, failures, since), a bucket older than the window starts anew.

    The attempt is counted before the password is tried and struck out if it was right, so that no number of
    attempts at the same time can try more than the limit.
    """
    # Sorted: two attempts that lock the same rows in different order would deadlock.
    statement = pg_insert(SignInFailures).values(
        [{"bucket": bucket, "failures": 1, "since": now} for bucket in sorted(buckets)]
    )
    stale = SignInFailures.since <= now - window
    return statement.on_conflict_do_update(
        index_elements=[SignInFailures.bucket],
        set_={
            "failures": case((stale, 1), else_=SignInFailures.failures + 1),
            "since": case((stale, now), else_=SignInFailures.since),
        },
    ).returning(SignInFailures.bucket, SignInFailures.failures, SignInFailures.since)


def strike_out_attempt(buckets: Sequence[bytes]) -> Update:
    """Take back the attempt in each bucket: it was right."""
    locked = (
        select(SignInFailures.bucket)
        .where(SignInFailures.bucket.in_(buckets))
        .order_by(SignInFailures.bucket)
        .with_for_update()
    )
    return (
        update(SignInFailures)
        .where(SignInFailures.bucket.in_(locked.scalar_subquery()))
        .values(failures=SignInFailures.failures - 1)
    )


def forget_attempts(before: datetime) -> Delete:
    """Delete the buckets that nobody counts any more."""
    return delete(SignInFailures).where(SignInFailures.since <= before)


# --- sessions


def rotate(token_hash: bytes, successor_hash: bytes, now: datetime, expires_at: datetime) -> ReturningInsert[int, UUID]:
    """Use the token up and store its successor; (user_id, family), or no row when it was not there to be used.

    One statement, so that of any number of requests with the same token one makes the successor.
    """
    used: CTE = (
        update(RefreshToken)
        .where(
            RefreshToken.token_hash == token_hash,
            RefreshToken.used_at.is_(None),
            RefreshToken.revoked_at.is_(None),
            RefreshToken.expires_at > now,
        )
        .values(used_at=now)
        .returning(RefreshToken.user_id, RefreshToken.family, RefreshToken.user_agent, RefreshToken.started_at)
        .cte("used")
    )
    return (
        insert(RefreshToken)
        .from_select(
            ["user_id", "family", "user_agent", "started_at", "token_hash", "issued_at", "expires_at"],
            select(*used.c, literal(successor_hash), literal(now), literal(expires_at)),
        )
        .returning(RefreshToken.user_id, RefreshToken.family)
    )


def refresh_token(token_hash: bytes) -> Select[RefreshToken]:
    """The row of a refresh token, whatever became of it."""
    return select(RefreshToken).where(RefreshToken.token_hash == token_hash)


def revoke_family(user_id: int, family: UUID, now: datetime) -> ReturningUpdate[int]:
    """Revoke a sign-in: none of its tokens is good any more."""
    return (
        update(RefreshToken)
        .where(RefreshToken.user_id == user_id, RefreshToken.family == family, RefreshToken.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(RefreshToken.id)
    )


def revoke_other_families(user_id: int, kept: UUID | None, now: datetime) -> Update:
    """Revoke every sign-in of this person but one."""
    return (
        update(RefreshToken)
        .where(
            RefreshToken.user_id == user_id,
            RefreshToken.revoked_at.is_(None),
            RefreshToken.family.is_distinct_from(kept),
        )
        .values(revoked_at=now)
    )


def live_sessions(user_id: int, now: datetime) -> Select[RefreshToken]:
    """The unused token of each sign-in, the latest used first."""
    return (
        select(RefreshToken)
        .where(
            RefreshToken.user_id == user_id,
            RefreshToken.used_at.is_(None),
            RefreshToken.revoked_at.is_(None),
            RefreshToken.expires_at > now,
        )
        .order_by(RefreshToken.issued_at.desc(), RefreshToken.id.desc())
    )


def forget_old_tokens(user_id: int, now: datetime, used_before: datetime) -> Delete:
    """Delete what no longer matters: expired tokens, and used ones whose reuse would be of no consequence."""
    return delete(RefreshToken).where(
        RefreshToken.user_id == user_id,
        or_(RefreshToken.expires_at <= now, RefreshToken.used_at <= used_before),
    )


# --- API tokens


def api_tokens(user_id: int) -> Select[APIToken]:
    """This person's API tokens, the newest first."""
    return select(APIToken).where(APIToken.user_id == user_id).order_by(APIToken.id.desc())


def delete_api_token(user_id: int, token_id: int) -> ReturningDelete[int]:
    """Delete this person's API token; its id, or no row."""
    return delete(APIToken).where(APIToken.user_id == user_id, APIToken.id == token_id).returning(APIToken.id)


def use_api_token(token_hash: bytes, now: datetime) -> Select[int, list[str]]:
    """Whose token this is and its scopes, unless it has expired; notes that it was used.

    Notes it once a minute at most, since a row that each request writes is a queue.
    """
    good = and_(APIToken.token_hash == token_hash, or_(APIToken.expires_at.is_(None), APIToken.expires_at > now))
    unnoted = or_(APIToken.last_used_at.is_(None), APIToken.last_used_at < now - timedelta(minutes=1))
    noted = update(APIToken).where(good, unnoted).values(last_used_at=now)
    return select(APIToken.user_id, APIToken.scopes).where(good).add_cte(noted.cte("noted"))
