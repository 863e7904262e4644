"""Accounts over HTTP. `public` needs no token, `router` does."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Request
from fastapi.security import OAuth2PasswordRequestForm

from daybook.accounts.authentication import AccountReader, AccountWriter, Authentication
from daybook.accounts.errors import (
    AccountExists,
    APITokenNotFound,
    InvalidIDToken,
    InvalidRefreshToken,
    ProviderUnavailable,
    SessionNotFound,
    TooManyAttempts,
    UnknownProvider,
    WrongCredentials,
)
from daybook.accounts.models import APIToken, RefreshToken, User
from daybook.accounts.schemas import (
    APITokenCreate,
    APITokenCreated,
    APITokenRead,
    OAuth2Token,
    OpenIDSignIn,
    PasswordSignIn,
    Refreshed,
    RefreshRequest,
    SessionRead,
    SignedIn,
    SignIn,
    TokenPair,
    UserCreate,
    UserRead,
    UserUpdate,
)
from daybook.accounts.service import api_tokens, sign_in, users
from daybook.web.problem import problems
from daybook.web.schema import BigId
from daybook.web.session import Now, ReadSession, TheDatabase, WriteSession, sql_budget

public = APIRouter(prefix="/api/users", tags=["accounts"])
router = APIRouter(prefix="/api/users", tags=["accounts"])


async def _device(request: Request) -> sign_in.Device:
    address = request.client.host if request.client else ""
    return sign_in.Device(address, request.headers.get("user-agent"))


Device = Annotated[sign_in.Device, Depends(_device)]


@public.post(
    "", status_code=201, response_model=UserRead, responses=problems(AccountExists), openapi_extra=sql_budget(3)
)
async def register(new: UserCreate, database: TheDatabase, auth: Authentication, now: Now) -> User:
    """Make an account."""
    return await users.register(database, auth.passwords, new, now)


@public.post(
    "/login",
    responses=problems(WrongCredentials, TooManyAttempts, UnknownProvider, InvalidIDToken, ProviderUnavailable),
    openapi_extra=sql_budget(9),
)
async def log_in(
    sent: Annotated[SignIn, Body()], database: TheDatabase, auth: Authentication, device: Device, now: Now
) -> SignedIn:
    """Sign in with email and password, or with an ID token of an OpenID Connect provider."""
    if isinstance(sent, OpenIDSignIn):
        user, tokens = await sign_in.with_openid(database, auth, sent, device, now)
    else:
        user, tokens = await sign_in.with_password(database, auth, sent, device, now)
    return SignedIn(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_in=int(auth.access.lifetime.total_seconds()),
        user=UserRead.model_validate(user),
    )


@public.post("/token", responses=problems(WrongCredentials, TooManyAttempts), openapi_extra=sql_budget(7))
async def get_oauth2_token(
    form: Annotated[OAuth2PasswordRequestForm, Depends()],
    database: TheDatabase,
    auth: Authentication,
    device: Device,
    now: Now,
) -> OAuth2Token:
    """Sign in by OAuth2's password form (RFC 6749, 4.3), with the email as the username."""
    sent = PasswordSignIn(email=form.username, password=form.password)
    _, tokens = await sign_in.with_password(database, auth, sent, device, now)
    return OAuth2Token(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_in=int(auth.access.lifetime.total_seconds()),
    )


@public.post("/token/refresh", responses=problems(InvalidRefreshToken), openapi_extra=sql_budget(3))
async def refresh_token(sent: RefreshRequest, database: TheDatabase, auth: Authentication, now: Now) -> Refreshed:
    """Trade a refresh token in for a new access token and the next refresh token."""
    tokens = await sign_in.refresh(database, auth, sent.refresh_token, now)
    return Refreshed(tokens=TokenPair(access_token=tokens.access_token, refresh_token=tokens.refresh_token))


@router.post("/logout", status_code=204, responses=problems(), openapi_extra=sql_budget(3))
async def log_out(caller: AccountWriter, session: WriteSession, now: Now, sent: RefreshRequest | None = None) -> None:
    """End the session of the access token, and that of the refresh token if one is sent."""
    await sign_in.sign_out(session, caller, sent.refresh_token if sent else None, now)


@router.get("/me", response_model=UserRead, responses=problems(), openapi_extra=sql_budget(1))
async def get_me(caller: AccountReader, session: ReadSession) -> User:
    """The caller's account."""
    return await users.get(session, caller)


@router.patch(
    "/me", response_model=UserRead, responses=problems(AccountExists, WrongCredentials), openapi_extra=sql_budget(5)
)
async def update_me(
    changes: UserUpdate, caller: AccountWriter, database: TheDatabase, auth: Authentication, now: Now
) -> User:
    """Change your account. A new password ends every other session."""
    return await users.update(database, auth.passwords, caller, changes, now)


@router.delete("/me", status_code=204, responses=problems(), openapi_extra=sql_budget(2))
async def delete_me(caller: AccountWriter, session: WriteSession) -> None:
    """Delete your account and everything in it, for good."""
    await users.delete(session, caller)


@router.get("/me/sessions", responses=problems(), openapi_extra=sql_budget(1))
async def list_sessions(caller: AccountReader, session: ReadSession, now: Now) -> list[SessionRead]:
    """Where the caller is signed in, the latest used first."""
    return [_session_read(one, caller.session) for one in await sign_in.sessions_of(session, caller, now)]


def _session_read(token: RefreshToken, current: UUID | None) -> SessionRead:
    return SessionRead.model_validate(token).model_copy(update={"current": token.family == current})


@router.delete(
    "/me/sessions/{session_id}", status_code=204, responses=problems(SessionNotFound), openapi_extra=sql_budget(1)
)
async def end_session(session_id: UUID, caller: AccountWriter, session: WriteSession, now: Now) -> None:
    """Sign a device out: its refresh token is revoked at once, its access token dies within minutes."""
    await sign_in.end_session(session, caller, session_id, now)


@router.get("/me/tokens", response_model=list[APITokenRead], responses=problems(), openapi_extra=sql_budget(1))
async def list_api_tokens(caller: AccountReader, session: ReadSession) -> list[APIToken]:
    """The caller's API tokens, the newest first."""
    return await api_tokens.list_all(session, caller)


@router.post("/me/tokens", status_code=201, responses=problems(), openapi_extra=sql_budget(1))
async def create_api_token(
    new: APITokenCreate, caller: AccountWriter, session: WriteSession, now: Now
) -> APITokenCreated:
    """Make an API token for a script. The token is shown this once."""
    stored, token = await api_tokens.create(session, caller, new, now)
    return APITokenCreated(**APITokenRead.model_validate(stored).model_dump(), token=token)


@router.delete(
    "/me/tokens/{token_id}", status_code=204, responses=problems(APITokenNotFound), openapi_extra=sql_budget(1)
)
async def delete_api_token(token_id: BigId, caller: AccountWriter, session: WriteSession) -> None:
    """Delete an API token; it stops working at once."""
    await api_tokens.delete(session, caller, token_id)
