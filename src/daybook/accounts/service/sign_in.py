"""Signing in, with a password or through OpenID Connect."""

from datetime import datetime, timedelta
from hashlib import sha256
from uuid import uuid4

from pydantic import EmailStr, TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts import queries
from daybook.accounts.errors import TooManyAttempts, WrongCredentials
from daybook.accounts.models import User
from daybook.accounts.openid import VerifiedIdentity
from daybook.accounts.schemas import OpenIDSignIn, PasswordSignIn
from daybook.accounts.service import sessions
from daybook.accounts.service.sessions import Authenticator, Device, Tokens
from daybook.database.engine import Database

_EMAIL = TypeAdapter(EmailStr | None)

ATTEMPT_WINDOW = timedelta(minutes=15)
ATTEMPTS_PER_ACCOUNT = 20
ATTEMPTS_PER_ADDRESS = 100


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
    checked_hash = user.password_hash
    async with database.write.begin() as session:
        await session.execute(queries.uncount_attempt(list(limits)))
        await session.execute(queries.delete_old_attempts(now - ATTEMPT_WINDOW))
        user = await session.scalar(queries.locked_user(user.id))
        if user is None or user.password_hash != checked_hash:  # the password that was checked has been changed since
            raise WrongCredentials
        if better_hash:
            user.password_hash = better_hash
        return user, await sessions.start(session, auth, user.id, device, now)


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
        return user, await sessions.start(session, auth, user.id, device, now)


def _bucket(kind: str, what: str) -> bytes:
    return sha256(f"{kind}:{what}".encode()).digest()


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
