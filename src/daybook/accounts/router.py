"""Accounts over HTTP. The operations of `public` need no token."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Form, Request, Response

from daybook.accounts.authentication import AccountAccess, AccountWriter, Authentication
from daybook.accounts.errors import (
    AccountExists,
    APITokenNotFound,
    ConfirmationNeeded,
    InvalidIDToken,
    InvalidRefreshToken,
    InvitationNeeded,
    ProviderUnavailable,
    RegistrationClosed,
    SessionNotFound,
    TooManyAttempts,
    TooManyRegistrations,
    UnknownProvider,
    WrongCredentials,
    WrongPassword,
)
from daybook.accounts.models import User
from daybook.accounts.projections import ACCOUNT, API_TOKENS, SESSIONS
from daybook.accounts.schemas import (
    APITokenCreate,
    APITokenCreated,
    APITokenRead,
    Confirmation,
    OAuth2Form,
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
from daybook.accounts.service import api_tokens, sessions, sign_in, users
from daybook.errors import AccountDeleted
from daybook.web.client import client_address
from daybook.web.hot import hot
from daybook.web.page import json_response
from daybook.web.problem import problems
from daybook.web.schema import BigId
from daybook.web.session import Now, TheDatabase, WriteSession, statement_budget

public = APIRouter(prefix="/api/users", tags=["accounts"])
router = APIRouter(prefix="/api/users", tags=["accounts"])


async def _device(request: Request) -> sessions.Device:
    return sessions.Device(client_address(request), request.headers.get("user-agent"))


RACES = 4
"""Statements more that ending a session may take, one for each refresh that is under way at the same moment."""

NOT_ADMITTED = (RegistrationClosed, InvitationNeeded)
UNCONFIRMED = (ConfirmationNeeded, WrongPassword, TooManyAttempts)

NO_SESSION = UUID(int=0)
"""Stands for the session of an API token, which has none."""

Device = Annotated[sessions.Device, Depends(_device)]


@public.post(
    "",
    status_code=201,
    response_model=UserRead,
    responses=problems(AccountExists, *NOT_ADMITTED, TooManyRegistrations),
    openapi_extra=statement_budget(6),
)
async def register(new: UserCreate, database: TheDatabase, auth: Authentication, device: Device, now: Now) -> User:
    """Create an account."""
    return await users.register(database, auth, new, device=device, now=now)


@public.post(
    "/login",
    responses=problems(
        WrongCredentials, TooManyAttempts, UnknownProvider, InvalidIDToken, ProviderUnavailable, *NOT_ADMITTED
    ),
    openapi_extra=statement_budget(10),
)
async def log_in(
    credentials: Annotated[SignIn, Body()], database: TheDatabase, auth: Authentication, device: Device, now: Now
) -> SignedIn:
    """Sign in with a password, or with an ID token of an OpenID Connect provider."""
    if isinstance(credentials, OpenIDSignIn):
        user, tokens = await sign_in.with_openid(database, auth, credentials, device, now)
    else:
        user, tokens = await sign_in.with_password(database, auth, credentials, device, now)
    return SignedIn(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_in=int(auth.access.lifetime.total_seconds()),
        user=UserRead.model_validate(user),
    )


@public.post("/token", responses=problems(WrongCredentials, TooManyAttempts), openapi_extra=statement_budget(9))
async def get_oauth2_token(
    form: Annotated[OAuth2Form, Form()],
    database: TheDatabase,
    auth: Authentication,
    device: Device,
    now: Now,
) -> OAuth2Token:
    """Sign in with the OAuth 2.0 password form.

    As in RFC 6749, section 4.3; the username is the email address.
    """
    credentials = PasswordSignIn(email=form.username, password=form.password)
    _, tokens = await sign_in.with_password(database, auth, credentials, device, now)
    return OAuth2Token(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_in=int(auth.access.lifetime.total_seconds()),
    )


@public.post("/token/refresh", responses=problems(InvalidRefreshToken), openapi_extra=statement_budget(4))
async def refresh_token(refresh: RefreshRequest, database: TheDatabase, auth: Authentication, now: Now) -> Refreshed:
    """Refresh the tokens of a session.

    The refresh token is exchanged for a new access token and a new refresh token.
    """
    tokens = await sessions.refresh(database, auth, refresh.refresh_token, now)
    return Refreshed(tokens=TokenPair(access_token=tokens.access_token, refresh_token=tokens.refresh_token))


@router.post("/logout", status_code=204, responses=problems(), openapi_extra=statement_budget(6 + RACES))
async def log_out(
    caller: AccountWriter, session: WriteSession, now: Now, refresh: RefreshRequest | None = None
) -> None:
    """Sign out. Ends the session of the access token, and that of the refresh token if you send one."""
    await sessions.sign_out(session, caller, refresh.refresh_token if refresh else None, now)


@router.get("/me", response_model=UserRead, responses=problems(), openapi_extra=statement_budget(1))
@hot
async def get_me(access: AccountAccess) -> Response:
    """Get your account."""
    user_id = access.caller.user_id
    return json_response(await ACCOUNT.one(access.reader, or_raise=AccountDeleted, user_id=user_id))


@router.patch(
    "/me",
    response_model=UserRead,
    responses=problems(AccountExists, WrongPassword, TooManyAttempts),
    openapi_extra=statement_budget(12 + RACES),
)
async def update_me(
    changes: UserUpdate, caller: AccountWriter, database: TheDatabase, auth: Authentication, device: Device, now: Now
) -> User:
    """Update your account. A new password ends every other session, and all API tokens."""
    return await users.update(database, auth.passwords, caller, changes, device=device, now=now)


@router.delete("/me", status_code=204, responses=problems(*UNCONFIRMED), openapi_extra=statement_budget(9))
async def delete_me(
    caller: AccountWriter,
    database: TheDatabase,
    auth: Authentication,
    device: Device,
    now: Now,
    confirmation: Confirmation | None = None,
) -> None:
    """Delete your account and everything in it. This cannot be undone.

    It needs your password, or a sign-in of the last five minutes.
    """
    password = confirmation.current_password if confirmation else None
    await users.delete(database, auth, caller, password, device=device, now=now)


@router.get("/me/sessions", response_model=list[SessionRead], responses=problems(), openapi_extra=statement_budget(1))
@hot
async def list_sessions(access: AccountAccess) -> Response:
    """List the devices and browsers that are signed in, the latest used first."""
    listed = await SESSIONS.json(
        access.reader,
        user_id=access.caller.user_id,
        current_session=access.caller.session or NO_SESSION,
        now=access.now,
    )
    return json_response(listed)


@router.delete(
    "/me/sessions/{session_id}",
    status_code=204,
    responses=problems(SessionNotFound),
    openapi_extra=statement_budget(3 + RACES),
)
async def end_session(session_id: UUID, caller: AccountWriter, session: WriteSession, now: Now) -> None:
    """End a session. Its refresh token is revoked at once; its access token expires within minutes."""
    await sessions.end(session, caller, session_id, now)


@router.get("/me/tokens", response_model=list[APITokenRead], responses=problems(), openapi_extra=statement_budget(1))
@hot
async def list_api_tokens(access: AccountAccess) -> Response:
    """List your API tokens, the newest first."""
    return json_response(await API_TOKENS.json(access.reader, user_id=access.caller.user_id))


@router.post("/me/tokens", status_code=201, responses=problems(*UNCONFIRMED), openapi_extra=statement_budget(9))
async def create_api_token(
    new: APITokenCreate, caller: AccountWriter, database: TheDatabase, auth: Authentication, device: Device, now: Now
) -> APITokenCreated:
    """Create an API token for a script. The token itself is shown only this once.

    It needs your password, or a sign-in of the last five minutes. A new password ends your API tokens.
    """
    stored, token = await api_tokens.create(database, auth, caller, new, device=device, now=now)
    return APITokenCreated(**APITokenRead.model_validate(stored).model_dump(), token=token)


@router.delete(
    "/me/tokens/{token_id}", status_code=204, responses=problems(APITokenNotFound), openapi_extra=statement_budget(2)
)
async def delete_api_token(token_id: BigId, caller: AccountWriter, database: TheDatabase) -> None:
    """Delete an API token. It stops working at once."""
    await api_tokens.delete(database, caller, token_id)
