"""Creating, changing and deleting accounts."""

from datetime import datetime
from uuid import uuid4

from pydantic import MISSING
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from daybook.accounts import queries
from daybook.accounts.caller import Caller, SignedInCaller
from daybook.accounts.errors import AccountExists, WrongPassword
from daybook.accounts.models import User
from daybook.accounts.passwords import Passwords
from daybook.accounts.projections import ACCOUNT
from daybook.accounts.schemas import UserCreate, UserUpdate
from daybook.accounts.service import guessing, registration, sessions
from daybook.accounts.service.sessions import Authenticator, Device
from daybook.database.engine import Database
from daybook.errors import AccountDeleted


async def register(database: Database, auth: Authenticator, new: UserCreate, *, device: Device, now: datetime) -> User:
    """Return the new account; AccountExists when its email or user key is taken.

    Raises RegistrationClosed, InvitationNeeded or TooManyRegistrations as well.
    """
    registration.check(auth.registration, new.invitation)
    await guessing.count_registration(database, auth.passwords, device.address, now)
    password_hash = await auth.passwords.hash(new.password)  # before a connection is taken, since it takes a while
    columns = new.model_dump(exclude={"password", "invitation"}) | {"password_hash": password_hash}
    columns["user_key"] = new.user_key or uuid4().hex
    async with database.write.begin() as session:
        await registration.admit(session, auth.registration, new.invitation, now)
        await session.execute(queries.known_timezone(new.timezone, now))
        user = await session.scalar(queries.register(columns))
        if user is None:
            key_taken = await session.scalar(queries.user_key_is_taken(columns["user_key"]))
            raise AccountExists(f"There is already an account with this {'user key' if key_taken else 'email'}.")
        return user


async def get(session: AsyncSession, caller: Caller) -> User:
    """Return the caller's account; AccountDeleted."""
    user = await session.scalar(queries.user(caller.user_id))
    if user is None:
        raise AccountDeleted
    return user


async def update(
    database: Database, passwords: Passwords, caller: Caller, changes: UserUpdate, *, device: Device, now: datetime
) -> User:
    """Return the changed account. A new password ends every other session, and all API tokens.

    Raises WrongPassword or TooManyAttempts for the current password, AccountExists when the new email is taken.
    """
    # Both take a while, and need no connection meanwhile.
    checked = None
    if changes.current_password is not None:
        checked = await guessing.verify_callers(
            database, passwords, caller, changes.current_password, address=device.address, now=now
        )
    password_hash = None if changes.password is MISSING else await passwords.hash(changes.password)
    async with database.write.begin() as session:
        statement = queries.locked_user(caller.user_id).options(*ACCOUNT.options()).options(undefer(User.password_hash))
        user = await session.scalar(statement)
        if user is None:
            raise AccountDeleted
        if checked is not None and user.password_hash != checked:
            raise WrongPassword("The password has just been changed.")
        if changes.timezone is not MISSING:
            await session.execute(queries.known_timezone(changes.timezone, now))
        for column, value in changes.columns().items():
            setattr(user, column, value)
        if password_hash is not None:
            user.password_hash = password_hash
            await sessions.end_others(session, caller, now)
            await session.execute(queries.delete_api_tokens(caller.user_id))  # a thief may have made one
        try:
            await session.flush()
        except IntegrityError as error:  # the email is the only unique column that can be changed
            raise AccountExists("There is already an account with this email.") from error
        return user


async def delete(
    database: Database,
    auth: Authenticator,
    caller: SignedInCaller,
    current_password: str | None,
    *,
    device: Device,
    now: datetime,
) -> None:
    """Delete the account and, through its foreign keys, everything that it owns.

    Raises as `sessions.confirm` and `sessions.hold` do.
    """
    await sessions.confirm(database, auth, caller, current_password, device=device, now=now)
    async with database.write.begin() as session:
        await session.delete(await sessions.hold(session, caller))
