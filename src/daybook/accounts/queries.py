"""The statements of accounts. One about a user's own rows takes the owner as a required argument."""

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
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.sql.dml import ReturningDelete, ReturningInsert, ReturningUpdate

from daybook.accounts.models import APIToken, Identity, Invitation, RefreshToken, SignInFailures, User
from daybook.database.secret import SecretBytes


def local_day(now: datetime | ColumnElement[datetime]) -> ColumnElement[date]:
    """Return the day it is where the user of the row lives, as an expression over `users`."""
    return cast(func.timezone(User.timezone, now), Date)


def known_timezone(name: str, now: datetime) -> Select[Any]:
    """Fails (sqlstate 22023) for a time zone that the database does not know, whose list Python's may run ahead of."""
    return select(func.timezone(name, now))


# --- users


def user(user_id: int) -> Select[User]:
    """The user with this id."""
    return select(User).where(User.id == user_id)


def locked_user(user_id: int) -> Select[User]:
    """The user with this id, whom nobody else changes meanwhile; what only refers to the account does not wait."""
    return user(user_id).with_for_update(key_share=True)


def password_hash(user_id: int) -> Select[str | None]:
    """The hash of a user's password; None for one who signs in through OpenID Connect only."""
    return select(User.password_hash).where(User.id == user_id)


def sign_in_target(email: str, network: bytes) -> Select[str, int | None, str | None, bool]:
    """An email as the database folds it, and the id and the hash of the user who has it, if anybody has.

    And whether that user has signed in from this network before. There is always a row.
    """
    folded = select(func.lower(email).label("email")).subquery()
    known = exists().where(RefreshToken.user_id == User.id, RefreshToken.network == network)
    return (
        select(folded.c.email, User.id, User.password_hash, known)
        .select_from(folded)
        .outerjoin(User, func.lower(User.email) == folded.c.email)
    )


def register(columns: dict[str, Any]) -> ReturningInsert[User]:
    """Create a user, or no row when the email or the user key is taken."""
    return pg_insert(User).values(columns).on_conflict_do_nothing().returning(User)


def use_invitation(token_hash: bytes, now: datetime) -> ReturningDelete[bytes]:
    """Use an invitation up; no row when it is unknown, used or has expired."""
    return (
        delete(Invitation)
        .where(Invitation.token_hash == token_hash, Invitation.expires_at > now)
        .returning(Invitation.token_hash)
    )


def delete_old_invitations(now: datetime) -> Delete:
    """Delete the invitations that have expired."""
    return delete(Invitation).where(Invitation.expires_at <= now)


def has_user_key(user_id: int, user_key: str) -> Select[int]:
    """A row if the user key is this user's own."""
    return select(User.id).where(User.id == user_id, User.user_key == user_key)


def user_key_is_taken(user_key: str) -> Select[int]:
    """A row if anyone has this user key."""
    return select(User.id).where(User.user_key == user_key)


# --- sign-in through OpenID Connect


def user_of_identity(provider: str, subject: str) -> Select[User]:
    """The user whom this provider knows by this subject."""
    return (
        select(User)
        .join(Identity, Identity.user_id == User.id)
        .where(Identity.provider == provider, Identity.subject == subject)
    )


def link_identity(user_id: int, provider: str, subject: str) -> ReturningInsert[int]:
    """Link the identity to the user, or no row when it has just been linked to another one."""
    return (
        pg_insert(Identity)
        .values(user_id=user_id, provider=provider, subject=subject)
        .on_conflict_do_nothing()
        .returning(Identity.user_id)
    )


# --- guessing passwords


def count_attempt(buckets: Sequence[bytes], now: datetime, window: timedelta) -> ReturningInsert[bytes, int, datetime]:
    """Count an attempt in each bucket; (bucket, failures, since). A bucket older than the window starts again at 1.

    The attempt is counted before the password is checked and uncounted if it was correct, so that no number of
    simultaneous attempts can exceed the limit.
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


def failures(buckets: Sequence[bytes], after: datetime) -> Select[bytes, int, datetime]:
    """How often each bucket has failed in its window; no row for one whose window is over."""
    return select(SignInFailures.bucket, SignInFailures.failures, SignInFailures.since).where(
        SignInFailures.bucket.in_(buckets), SignInFailures.since > after
    )


def uncount_attempt(buckets: Sequence[bytes]) -> Update:
    """Uncount the attempt in each bucket: its password was correct."""
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


def delete_old_attempts(before: datetime) -> Delete:
    """Delete the buckets whose window is over."""
    return delete(SignInFailures).where(SignInFailures.since <= before)


# --- sessions


KEPT_COLUMNS = ("user_id", "family", "user_agent", "network", "started_at")
"""What the tokens of a session have in common."""


def rotate(token_hash: bytes, successor_hash: bytes, now: datetime, expires_at: datetime) -> ReturningInsert[int, UUID]:
    """Mark the token as used and store its successor; (user_id, family), or no row when it cannot be used.

    One statement, so that of any number of requests with the same token only one creates the successor.
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
        .returning(*(getattr(RefreshToken, column) for column in KEPT_COLUMNS))
        .cte("used")
    )
    return (
        insert(RefreshToken)
        .from_select(
            [*KEPT_COLUMNS, "token_hash", "issued_at", "expires_at"],
            select(*used.c, literal(successor_hash, SecretBytes), literal(now), literal(expires_at)),
        )
        .returning(RefreshToken.user_id, RefreshToken.family)
    )


def refresh_token(token_hash: bytes) -> Select[RefreshToken]:
    """The row of a refresh token, used or not."""
    return select(RefreshToken).where(RefreshToken.token_hash == token_hash)


def revoke_family(user_id: int, family: UUID, now: datetime) -> ReturningUpdate[int]:
    """Revoke a session: all of its tokens that are not revoked already."""
    return (
        update(RefreshToken)
        .where(RefreshToken.user_id == user_id, RefreshToken.family == family, RefreshToken.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(RefreshToken.id)
    )


def revoke_other_families(user_id: int, kept: UUID | None, now: datetime) -> ReturningUpdate[int]:
    """Revoke every session of a user except one."""
    return (
        update(RefreshToken)
        .where(
            RefreshToken.user_id == user_id,
            RefreshToken.revoked_at.is_(None),
            RefreshToken.family.is_distinct_from(kept),
        )
        .values(revoked_at=now)
        .returning(RefreshToken.id)
    )


def living_session(user_id: int, family: UUID | None) -> Select[datetime | None]:
    """When the session began, None when it has ended; no row when there is no such user."""
    alive = and_(RefreshToken.user_id == User.id, RefreshToken.family == family, RefreshToken.revoked_at.is_(None))
    return (
        select(RefreshToken.started_at)
        .select_from(User)
        .outerjoin(RefreshToken, alive)
        .where(User.id == user_id)
        .limit(1)
    )


def held_session(user_id: int, family: UUID | None) -> Select[int]:
    """A row if the session lives; whoever ends it then waits for this transaction."""
    alive = and_(RefreshToken.user_id == user_id, RefreshToken.family == family, RefreshToken.revoked_at.is_(None))
    return select(RefreshToken.id).where(alive).limit(1).with_for_update(read=True)


def delete_old_tokens(user_id: int, now: datetime, used_before: datetime) -> Delete:
    """Delete expired tokens, and used ones for which reuse is not watched for any more."""
    return delete(RefreshToken).where(
        RefreshToken.user_id == user_id,
        or_(RefreshToken.expires_at <= now, RefreshToken.used_at <= used_before),
    )


# --- API tokens


def delete_api_token(user_id: int, token_id: int) -> ReturningDelete[int]:
    """Delete an API token of this user; its id, or no row."""
    return delete(APIToken).where(APIToken.user_id == user_id, APIToken.id == token_id).returning(APIToken.id)


def delete_api_tokens(user_id: int) -> Delete:
    """Delete every API token of this user."""
    return delete(APIToken).where(APIToken.user_id == user_id)


def use_api_token(token_hash: bytes, now: datetime) -> Select[int, list[str]]:
    """The owner of a token and its scopes, unless it has expired. Records when it was last used.

    That is recorded at most once a minute, since requests would queue for a row that each of them writes.
    """
    valid = and_(APIToken.token_hash == token_hash, or_(APIToken.expires_at.is_(None), APIToken.expires_at > now))
    unrecorded = or_(APIToken.last_used_at.is_(None), APIToken.last_used_at < now - timedelta(minutes=1))
    recorded = update(APIToken).where(valid, unrecorded).values(last_used_at=now)
    return select(APIToken.user_id, APIToken.scopes).where(valid).add_cte(recorded.cte("recorded"))
