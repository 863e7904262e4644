"""Sessions: what a sign-in starts, a refresh continues, and the owner or a stolen token ends."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts import queries
from daybook.accounts.caller import Caller, SignedInCaller
from daybook.accounts.errors import ConfirmationNeeded, InvalidRefreshToken, SessionEnded, SessionNotFound
from daybook.accounts.models import RefreshToken, User
from daybook.accounts.openid import OpenIDVerifier
from daybook.accounts.passwords import Passwords
from daybook.accounts.service import guessing
from daybook.accounts.tokens import AccessTokens, RefreshTokens, digest
from daybook.database.engine import Database
from daybook.errors import AccountDeleted
from daybook.settings import Registration

REUSE_MATTERS_FOR = timedelta(days=30)
"""How long a used refresh token is kept, to recognize it if it is sent again."""
CONFIRMED_FOR = timedelta(minutes=5)
"""How long after signing in nobody has to confirm with the password."""


@dataclass(frozen=True, slots=True)
class Device:
    """The client that signs in."""

    address: str
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that a sign-in or a refresh returns."""

    access_token: str
    refresh_token: str


@dataclass(frozen=True, slots=True)
class Authenticator:
    """What signing in works with, made once for the process."""

    passwords: Passwords
    openid: OpenIDVerifier
    access: AccessTokens
    refresh: RefreshTokens
    registration: Registration
    """Who may create an account."""


async def start(session: AsyncSession, auth: Authenticator, user_id: int, device: Device, now: datetime) -> Tokens:
    """Return the tokens of a new session."""
    await session.execute(queries.delete_old_tokens(user_id, now, now - REUSE_MATTERS_FOR))
    family, token = uuid4(), auth.refresh.first()
    session.add(
        RefreshToken(
            user_id=user_id,
            family=family,
            token_hash=digest(token),
            user_agent=device.user_agent[:300] if device.user_agent else None,
            network=guessing.network_of(device.address),
            started_at=now,
            issued_at=now,
            expires_at=now + auth.refresh.lifetime,
        )
    )
    return Tokens(auth.access.issue(user_id, family, now), token)


async def require_living(database: Database, caller: Caller) -> SignedInCaller:
    """Return the caller with the time of their sign-in; SessionEnded or AccountDeleted."""
    row = await database.run(queries.living_session(caller.user_id, caller.session))
    if row is None:
        raise AccountDeleted
    if row.started_at is None:
        raise SessionEnded
    return SignedInCaller(caller.user_id, caller.scopes, caller.session, row.started_at)


async def confirm(
    database: Database,
    auth: Authenticator,
    caller: SignedInCaller,
    password: str | None,
    *,
    device: Device,
    now: datetime,
) -> None:
    """Check that it is the owner who asks: ConfirmationNeeded, WrongPassword or TooManyAttempts."""
    if password is not None:
        await guessing.verify_callers(database, auth.passwords, caller, password, address=device.address, now=now)
    elif now - caller.signed_in_at > CONFIRMED_FOR:
        raise ConfirmationNeeded


async def hold(session: AsyncSession, caller: Caller) -> User:
    """Return the caller's account, and let neither it nor their session end before this unit of work does.

    SessionEnded or AccountDeleted if one of them has: what a session makes must not outlive its end.
    """
    user = await session.scalar(queries.locked_user(caller.user_id))
    if user is None:
        raise AccountDeleted
    if await session.scalar(queries.held_session(caller.user_id, caller.session)) is None:
        raise SessionEnded
    return user


async def refresh(database: Database, auth: Authenticator, token: str, now: datetime) -> Tokens:
    """Return new tokens in exchange for a refresh token; InvalidRefreshToken.

    A token that has been used already gets the same answer again for a short time, since the client may have lost the
    first one. After that, two clients have the token and one of them stole it: the whole session is revoked.
    """
    successor = auth.refresh.successor(token)
    async with database.write.begin() as session:
        statement = queries.rotate(digest(token), digest(successor), now, now + auth.refresh.lifetime)
        rotated = (await session.execute(statement)).one_or_none()
        if rotated is not None:
            return Tokens(auth.access.issue(rotated.user_id, rotated.family, now), successor)
        known = await session.scalar(queries.refresh_token(digest(token)))
        if known is None or known.revoked_at is not None or known.used_at is None:
            raise InvalidRefreshToken
        if now - known.used_at <= auth.refresh.grace:
            return Tokens(auth.access.issue(known.user_id, known.family, now), successor)
        await _revoke(session, known.user_id, known.family, now)
    # Raised only here: inside, it would have rolled the revocation back.
    raise InvalidRefreshToken("The refresh token has been used before, so this session has been ended. Sign in again.")


async def end(session: AsyncSession, caller: Caller, family: UUID, now: datetime) -> None:
    """End one of the caller's sessions; SessionNotFound when it is not theirs or has ended."""
    if not await _revoke(session, caller.user_id, family, now):
        raise SessionNotFound


async def sign_out(session: AsyncSession, caller: Caller, refresh_token: str | None, now: datetime) -> None:
    """End the session of the caller's access token, and that of the refresh token if it is theirs."""
    families: set[UUID | None] = {caller.session}
    if refresh_token is not None:
        known = await session.scalar(queries.refresh_token(digest(refresh_token)))
        if known is not None:
            families.add(known.family)
    for family in filter(None, families):
        await _revoke(session, caller.user_id, family, now)


async def end_others(session: AsyncSession, caller: Caller, now: datetime) -> None:
    """End every session of the caller's but the one that asks."""
    while (await session.scalars(queries.revoke_other_families(caller.user_id, caller.session, now))).all():
        pass  # as in `_revoke`


async def _revoke(session: AsyncSession, user_id: int, family: UUID, now: datetime) -> bool:
    """Revoke a session, and return whether it was alive.

    A statement does not see the successor that a refresh commits after the statement has begun, but it waits for that
    refresh, whose token it wants to revoke as well. So the next statement sees the successor, and one that finds
    nothing to revoke proves that no refresh was under way.
    """
    was_alive = False
    while (await session.scalars(queries.revoke_family(user_id, family, now))).all():
        was_alive = True
    return was_alive
