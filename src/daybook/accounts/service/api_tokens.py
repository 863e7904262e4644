"""Personal tokens for scripts."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts import queries
from daybook.accounts.caller import Caller, Scope
from daybook.accounts.errors import APITokenNotFound
from daybook.accounts.models import APIToken
from daybook.accounts.schemas import APITokenCreate
from daybook.accounts.tokens import digest, new_api_token
from daybook.database.engine import Database
from daybook.errors import InvalidInput, Unauthenticated

PREFIX_LENGTH = 12


async def create(session: AsyncSession, caller: Caller, new: APITokenCreate, now: datetime) -> tuple[APIToken, str]:
    """Return the stored token and the token itself, which cannot be had again."""
    if new.expires_at is not None and new.expires_at <= now:
        raise InvalidInput("expiresAt has to lie in the future.")
    token = new_api_token()
    stored = APIToken(
        user_id=caller.user_id,
        name=new.name,
        prefix=token[:PREFIX_LENGTH],
        token_hash=digest(token),
        scopes=sorted(set(new.scopes)),
        expires_at=new.expires_at,
    )
    session.add(stored)
    await session.flush()
    return stored, token


async def list_all(session: AsyncSession, caller: Caller) -> list[APIToken]:
    """Return the caller's tokens, the newest first."""
    return list(await session.scalars(queries.api_tokens(caller.user_id)))


async def delete(session: AsyncSession, caller: Caller, token_id: int) -> None:
    """Delete a token of the caller's; APITokenNotFound when it is not theirs."""
    if await session.scalar(queries.delete_api_token(caller.user_id, token_id)) is None:
        raise APITokenNotFound("None of your API tokens has this id.")


async def authenticate(database: Database, token: str, now: datetime) -> Caller:
    """Return whom an API token speaks for; Unauthenticated when it is unknown, deleted or has expired."""
    found = await database.run(queries.use_api_token(digest(token), now))
    if found is None:
        raise Unauthenticated("The API token is unknown, deleted or has expired.")
    user_id, scopes = found
    return Caller(user_id, frozenset(map(Scope, scopes)), session=None)
