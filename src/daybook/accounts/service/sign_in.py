"""Signing in, with a password or through OpenID Connect."""

from datetime import datetime
from uuid import uuid4

from pydantic import EmailStr, TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts import queries
from daybook.accounts.errors import WrongCredentials
from daybook.accounts.models import User
from daybook.accounts.openid import VerifiedIdentity
from daybook.accounts.schemas import OpenIDSignIn, PasswordSignIn
from daybook.accounts.service import guessing, registration, sessions
from daybook.accounts.service.sessions import Authenticator, Device, Tokens
from daybook.database.engine import Database

_EMAIL = TypeAdapter(EmailStr | None)


async def with_password(
    database: Database, auth: Authenticator, credentials: PasswordSignIn, device: Device, now: datetime
) -> tuple[User, Tokens]:
    """Return the user and their new tokens. Raises WrongCredentials, or TooManyAttempts after too many failures."""
    network = guessing.network_of(device.address)
    async with database.write.begin() as session:
        row = (await session.execute(queries.sign_in_target(credentials.email, network))).one()
    email, user_id, password_hash, known = row
    account = f"email {email}" if user_id is None else str(user_id)
    target = guessing.Target(account, password_hash, network, known)
    correct, better_hash = await guessing.verify(database, auth.passwords, target, credentials.password, now)
    if user_id is None or not correct:
        raise WrongCredentials
    async with database.write.begin() as session:
        user = await session.scalar(queries.locked_user(user_id))
        if user is None or user.password_hash != password_hash:  # the password that was checked has been changed since
            raise WrongCredentials
        if better_hash:
            user.password_hash = better_hash
        return user, await sessions.start(session, auth, user.id, device, now)


async def with_openid(
    database: Database, auth: Authenticator, credentials: OpenIDSignIn, device: Device, now: datetime
) -> tuple[User, Tokens]:
    """Return the user and their new tokens. The first sign-in of an identity creates an account.

    Raises UnknownProvider, InvalidIDToken or ProviderUnavailable, and what `registration.admit` does.
    """
    identity = await auth.openid.verify(credentials.provider, credentials.id_token, credentials.nonce)
    async with database.write.begin() as session:
        user = await session.scalar(queries.user_of_identity(identity.provider, identity.subject))
        if user is None:
            await registration.admit(session, auth.registration, credentials.invitation, now)
            await session.execute(queries.known_timezone(credentials.timezone, now))
            user = await _register_identity(session, identity, credentials.timezone)
        return user, await sessions.start(session, auth, user.id, device, now)


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
