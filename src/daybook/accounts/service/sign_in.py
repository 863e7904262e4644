"""Signing in, staying signed in, and signing out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

from pydantic import EmailStr, TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts import queries
from daybook.accounts.caller import Caller
from daybook.accounts.errors import InvalidRefreshToken, SessionNotFound, TooManyAttempts, WrongCredentials
from daybook.accounts.models import RefreshToken, User
from daybook.accounts.openid import OpenIDVerifier, VerifiedIdentity
from daybook.accounts.passwords import Passwords
from daybook.accounts.schemas import OpenIDSignIn, PasswordSignIn
from daybook.accounts.tokens import AccessTokens, RefreshTokens, digest
from daybook.database.engine import Database

_EMAIL = TypeAdapter(EmailStr | None)

ATTEMPT_WINDOW = timedelta(minutes=15)
ATTEMPTS_PER_ACCOUNT = 20
ATTEMPTS_PER_ADDRESS = 100
REUSE_MATTERS_FOR = timedelta(days=30)
"""How long a used refresh token is kept, to recognize it if it is sent again."""


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


async def with_password(
    database: Database, auth: Authenticator, credentials: PasswordSignIn, device: Device, now: datetime
) -> tuple[User, Tokens]:
    """Return the user and their new tokens. Raises WrongCredentials, or TooManyAttempts after too many failures."""
    limits = {
        _bucket("account", credentials.email.lower()): ATTEMPTS_PER_ACCOUNT,
        _bucket("address", device.address): ATTEMPTS_PER_ADDRESS,
    }
    async with database.write.begin() as session:
        attempts = (await session.execute(queries.count_attempt(list(limits), now, ATTEMPT_WINDOW))).all()
        user = await session.scalar(queries.user_by_email(credentials.email))
    too_many = [since for bucket, failures, since in attempts if failures > limits[bucket]]
    if too_many:
        wait = max(too_many) + ATTEMPT_WINDOW - now
        raise TooManyAttempts(retry_after=max(1, int(wait.total_seconds())))
    correct, better_hash = await auth.passwords.verify(credentials.password, user.password_hash if user else None)
    if user is None or not correct:
        raise WrongCredentials
    async with database.write.begin() as session:
        await session.execute(queries.uncount_attempt(list(limits)))
        await session.execute(queries.delete_old_attempts(now - ATTEMPT_WINDOW))
        if better_hash:
            session.add(user)
            user.password_hash = better_hash
        return user, await _start(session, auth, user.id, device, now)


async def with_openid(
    database: Database, auth: Authenticator, credentials: OpenIDSignIn, device: Device, now: datetime
) -> tuple[User, Tokens]:
    """Return the user and their new tokens. The first sign-in of an identity creates an account.

    Raises UnknownProvider, InvalidIDToken or ProviderUnavailable.
    """
    identity = await auth.openid.verify(credentials.provider, credentials.id_token, credentials.nonce)
    async with database.write.begin() as session:
        user = await session.scalar(queries.user_of_identity(identity.provider, identity.subject))
        if user is None:
            await session.execute(queries.known_timezone(credentials.timezone, now))
            user = await _register_identity(session, identity, credentials.timezone)
        return user, await _start(session, auth, user.id, device, now)


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
        await session.execute(queries.revoke_family(known.user_id, known.family, now))
    # Raised only here: inside, it would have rolled the revocation back.
    raise InvalidRefreshToken("The refresh token has been used before, so this session has been ended. Sign in again.")


async def end_session(session: AsyncSession, caller: Caller, family: UUID, now: datetime) -> None:
    """End one of the caller's sessions; SessionNotFound when it is not theirs or has ended."""
    if not (await session.scalars(queries.revoke_family(caller.user_id, family, now))).all():
        raise SessionNotFound


async def sign_out(session: AsyncSession, caller: Caller, refresh_token: str | None, now: datetime) -> None:
    """End the session of the caller's access token, and that of the refresh token if it is theirs."""
    families: set[UUID | None] = {caller.session}
    if refresh_token is not None:
        known = await session.scalar(queries.refresh_token(digest(refresh_token)))
        if known is not None:
            families.add(known.family)
    for family in filter(None, families):
        await session.execute(queries.revoke_family(caller.user_id, family, now))


def _bucket(kind: str, what: str) -> bytes:
    return sha256(f"{kind}:{what}".encode()).digest()


async def _start(session: AsyncSession, auth: Authenticator, user_id: int, device: Device, now: datetime) -> Tokens:
    await session.execute(queries.delete_old_tokens(user_id, now, now - REUSE_MATTERS_FOR))
    family, token = uuid4(), auth.refresh.first()
    session.add(
        RefreshToken(
            user_id=user_id,
            family=family,
            token_hash=digest(token),
            user_agent=device.user_agent[:300] if device.user_agent else None,
            started_at=now,
            issued_at=now,
            expires_at=now + auth.refresh.lifetime,
        )
    )
    return Tokens(auth.access.issue(user_id, family, now), token)


def _address(email: str | None) -> str | None:
    try:
        return _EMAIL.validate_python(email)
    except ValidationError:  # an address that is not valid is no reason to refuse the sign-in
        return None


async def _register_identity(session: AsyncSession, identity: VerifiedIdentity, timezone: str) -> User:
    columns = {
        "user_key": uuid4().hex,
        "email": _address(identity.email),
        "username": identity.name or "Someone",
        "profile_image": identity.picture,
        "locale": identity.locale,
        "timezone": timezone,
    }
    user = await session.scalar(queries.register(columns))
    if user is None:
        # The email is another account's. That the provider vouches for it does not make the account this person's.
        user = await session.scalar(queries.register(columns | {"email": None}))
        assert user is not None  # noqa: S101 - its key is random, and nothing else is unique
    if await session.scalar(queries.link_identity(user.id, identity.provider, identity.subject)) is not None:
        return user
    # Linked a moment ago by another request of the same person.
    await session.delete(user)
    linked = await session.scalar(queries.user_of_identity(identity.provider, identity.subject))
    assert linked is not None  # noqa: S101 - the conflict says that it is there
    return linked
