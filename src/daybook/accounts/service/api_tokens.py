"""Personal tokens for scripts."""

from datetime import datetime

from daybook.accounts import queries
from daybook.accounts.caller import Caller, Scope, SignedInCaller
from daybook.accounts.errors import APITokenNotFound
from daybook.accounts.models import APIToken
from daybook.accounts.schemas import APITokenCreate
from daybook.accounts.service import sessions
from daybook.accounts.service.sessions import Authenticator, Device
from daybook.accounts.tokens import digest, new_api_token
from daybook.database.engine import Database
from daybook.errors import InvalidInput, Unauthenticated

PREFIX_LENGTH = 12


async def create(
    database: Database,
    auth: Authenticator,
    caller: SignedInCaller,
    new: APITokenCreate,
    *,
    device: Device,
    now: datetime,
) -> tuple[APIToken, str]:
    """Return the stored token and the token itself, of which only a hash is kept; InvalidInput for a past expiry.

    Raises as `sessions.confirm` and `sessions.hold` do.
    """
    if new.expires_at is not None and new.expires_at <= now:
        raise InvalidInput("expiresAt has to be in the future.")
    await sessions.confirm(database, auth, caller, new.current_password, device=device, now=now)
    token = new_api_token()
    stored = APIToken(
        user_id=caller.user_id,
        name=new.name,
        prefix=token[:PREFIX_LENGTH],
        token_hash=digest(token),
        scopes=sorted(set(new.scopes)),
        expires_at=new.expires_at,
    )
    async with database.write.begin() as session:
        await sessions.hold(session, caller)
        session.add(stored)
    return stored, token


async def delete(database: Database, caller: Caller, token_id: int) -> None:
    """Delete a token of the caller's; APITokenNotFound when it is not theirs."""
    if await database.run(queries.delete_api_token(caller.user_id, token_id)) is None:
        raise APITokenNotFound


async def authenticate(database: Database, token: str, now: datetime) -> Caller:
    """Return the caller that an API token stands for; Unauthenticated when it is unknown, deleted or expired."""
    owner = await database.run(queries.use_api_token(digest(token), now))
    if owner is None:
        raise Unauthenticated("The API token is unknown, deleted or has expired.")
    user_id, scopes = owner
    return Caller(user_id, frozenset(map(Scope, scopes)), session=None)
