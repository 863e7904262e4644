"""Who may call a route, readable as the type of its parameter: `caller: DiaryReader`."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import OAuth2PasswordBearer

from daybook.accounts.caller import DESCRIPTIONS, Caller, Scope
from daybook.accounts.service import api_tokens
from daybook.accounts.service.sign_in import Authenticator
from daybook.accounts.tokens import API_TOKEN_PREFIX
from daybook.errors import Forbidden, Unauthenticated
from daybook.web.session import Now, TheDatabase

_bearer = OAuth2PasswordBearer(
    tokenUrl="/api/users/token",
    scopes={str(scope): description for scope, description in DESCRIPTIONS.items()},
    description="An access token from signing in, or a personal API token.",
    auto_error=False,
)


async def get_authenticator(request: Request) -> Authenticator:
    """Return the process's authenticator."""
    authenticator: Authenticator = request.state.authenticator
    return authenticator


Authentication = Annotated[Authenticator, Depends(get_authenticator)]


async def authenticate(
    token: Annotated[str | None, Depends(_bearer)], auth: Authentication, database: TheDatabase, now: Now
) -> Caller:
    """Return whom the request's bearer token speaks for; Unauthenticated without a good one."""
    if token is None:
        raise Unauthenticated("Send an access token: Authorization: Bearer ...")
    if token.startswith(API_TOKEN_PREFIX):
        return await api_tokens.authenticate(database, token, now)
    return auth.access.verify(token, now)


def _holding(scope: Scope) -> Callable[[Caller], Awaitable[Caller]]:
    async def holder(caller: Annotated[Caller, Depends(authenticate)]) -> Caller:
        if scope not in caller.scopes:
            raise Forbidden(f"The token does not have the scope {scope}.")
        return caller

    return holder


AccountReader = Annotated[Caller, Security(_holding(Scope.ACCOUNT_READ), scopes=[Scope.ACCOUNT_READ])]
AccountWriter = Annotated[Caller, Security(_holding(Scope.ACCOUNT_WRITE), scopes=[Scope.ACCOUNT_WRITE])]
DiaryReader = Annotated[Caller, Security(_holding(Scope.DIARY_READ), scopes=[Scope.DIARY_READ])]
DiaryWriter = Annotated[Caller, Security(_holding(Scope.DIARY_WRITE), scopes=[Scope.DIARY_WRITE])]
