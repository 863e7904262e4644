"""Who may call a route, as the type of a parameter: `caller: DiaryWriter`, `access: DiaryAccess`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import OAuth2PasswordBearer

from daybook.accounts import queries
from daybook.accounts.caller import DESCRIPTIONS, Caller, Scope, SignedInCaller
from daybook.accounts.service import api_tokens, sessions
from daybook.accounts.service.sessions import Authenticator
from daybook.accounts.tokens import API_TOKEN_PREFIX
from daybook.database.engine import Database
from daybook.database.executor import Executor
from daybook.errors import Forbidden, NotFound, Unauthenticated


async def get_authenticator(request: Request) -> Authenticator:
    """Return the process's authenticator."""
    authenticator: Authenticator = request.state.authenticator
    return authenticator


Authentication = Annotated[Authenticator, Depends(get_authenticator)]


class Bearer(OAuth2PasswordBearer):
    """The dependency that turns a request's bearer token into its caller, if the token has the scopes.

    It is FastAPI's security scheme itself, since each dependency of a chain would cost a small read a twentieth of its
    time.
    """

    def __init__(self, *required: Scope) -> None:
        super().__init__(
            tokenUrl="/api/users/token",
            scheme_name="bearer",
            scopes={str(granted): description for granted, description in DESCRIPTIONS.items()},
            description="An access token from signing in, or a personal API token.",
        )
        self.required = required

    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]  # FastAPI's returns the token, this its owner
        """Return the caller; raises as `caller` does."""
        return await self.caller(request, request.state.clock())

    async def caller(self, request: Request, now: datetime) -> Caller:
        """Return the caller; Unauthenticated without a valid token, Forbidden without the scope."""
        state = request.scope["state"]  # what `request.state` wraps, at 3 us a request
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            raise Unauthenticated("Send an access token: Authorization: Bearer ...")
        if token.startswith(API_TOKEN_PREFIX):
            caller = await api_tokens.authenticate(state["database"], token, now)
        else:
            authenticator: Authenticator = state["authenticator"]
            caller = authenticator.access.verify(token, now)
        for scope in self.required:
            if scope not in caller.scopes:
                raise Forbidden(f"The token does not have the scope {scope}.")
        return caller


class SessionBearer(Bearer):
    """The dependency of routes that change the account: it asks whether the session of the token still lives.

    Elsewhere an access token is good until it expires. Here it would let a thief undo that the owner has ended it.
    """

    async def __call__(self, request: Request) -> SignedInCaller:  # type: ignore[override]  # as above
        """Return the caller; SessionEnded, or raises as `caller` does."""
        return await sessions.require_living(request.state.database, await super().__call__(request))


@dataclass(frozen=True, slots=True)
class Access:
    """What a route that only reads works with."""

    caller: Caller
    database: Database
    now: datetime

    @property
    def reader(self) -> Executor:
        """Runs projections."""
        return self.database.reader

    def require_user(self, user_id: int) -> None:
        """Raise NotFound when a path names another user: for the caller, nobody else's things exist."""
        if user_id != self.caller.user_id:
            raise NotFound("There is no such user.")

    async def require_user_key(self, user_key: str) -> None:
        """Raise NotFound when a query names another user by their user key."""
        if await self.database.run(queries.has_user_key(self.caller.user_id, user_key)) is None:
            raise NotFound("There is no such user key.")


class ReadAccess(Bearer):
    """The dependency that turns a request's bearer token into access to what its owner may read."""

    async def __call__(self, request: Request) -> Access:  # type: ignore[override]  # as above
        """Return the access; raises as `caller` does."""
        state = request.scope["state"]
        now = state["clock"]()
        return Access(await self.caller(request, now), state["database"], now)


AccountAccess = Annotated[Access, Security(ReadAccess(Scope.ACCOUNT_READ), scopes=[Scope.ACCOUNT_READ])]
AccountWriter = Annotated[SignedInCaller, Security(SessionBearer(Scope.ACCOUNT_WRITE), scopes=[Scope.ACCOUNT_WRITE])]
DiaryReader = Annotated[Caller, Security(Bearer(Scope.DIARY_READ), scopes=[Scope.DIARY_READ])]
DiaryWriter = Annotated[Caller, Security(Bearer(Scope.DIARY_WRITE), scopes=[Scope.DIARY_WRITE])]
DiaryAccess = Annotated[Access, Security(ReadAccess(Scope.DIARY_READ), scopes=[Scope.DIARY_READ])]
LibraryReader = Annotated[Caller, Security(Bearer(Scope.LIBRARY_READ), scopes=[Scope.LIBRARY_READ])]
LibraryWriter = Annotated[Caller, Security(Bearer(Scope.LIBRARY_WRITE), scopes=[Scope.LIBRARY_WRITE])]
LibraryAccess = Annotated[Access, Security(ReadAccess(Scope.LIBRARY_READ), scopes=[Scope.LIBRARY_READ])]
CommunityWriter = Annotated[Caller, Security(Bearer(Scope.COMMUNITY_WRITE), scopes=[Scope.COMMUNITY_WRITE])]
CommunityAccess = Annotated[Access, Security(ReadAccess(Scope.COMMUNITY_READ), scopes=[Scope.COMMUNITY_READ])]

# Whoever is answered with what is stored, or may copy it to where others see it, has to be allowed to read it.
DiaryEditor = Annotated[
    Caller, Security(Bearer(Scope.DIARY_WRITE, Scope.DIARY_READ), scopes=[Scope.DIARY_WRITE, Scope.DIARY_READ])
]
LibraryEditor = Annotated[
    Caller, Security(Bearer(Scope.LIBRARY_WRITE, Scope.LIBRARY_READ), scopes=[Scope.LIBRARY_WRITE, Scope.LIBRARY_READ])
]
CommunityEditor = Annotated[
    Caller,
    Security(Bearer(Scope.COMMUNITY_WRITE, Scope.COMMUNITY_READ), scopes=[Scope.COMMUNITY_WRITE, Scope.COMMUNITY_READ]),
]
Publisher = Annotated[
    Caller,
    Security(Bearer(Scope.COMMUNITY_WRITE, Scope.LIBRARY_READ), scopes=[Scope.COMMUNITY_WRITE, Scope.LIBRARY_READ]),
]
Downloader = Annotated[
    Caller,
    Security(Bearer(Scope.LIBRARY_WRITE, Scope.COMMUNITY_READ), scopes=[Scope.LIBRARY_WRITE, Scope.COMMUNITY_READ]),
]
