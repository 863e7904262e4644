"""Whose request it is: the bearer token, an access token of Daybook's, decoded for each request."""

import os
from typing import Annotated

import jwt
from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from daybook.accounts.tokens import ALGORITHM, ISSUER

KEY = os.environ["DAYBOOK_SECRET_KEY"]

Credentials = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


def user_id_of(token: str) -> int:
    """Return whose token it is; jwt.PyJWTError when it is not good."""
    claims = jwt.decode(token, KEY, algorithms=[ALGORITHM], issuer=ISSUER, options={"require": ["sub", "sid", "exp"]})
    return int(claims["sub"])


async def current_user(credentials: Credentials) -> int:
    """Return the id of the caller, or 401."""
    try:
        return user_id_of(credentials.credentials)
    except jwt.PyJWTError as error:
        raise HTTPException(401, "The token is not good.") from error


CurrentUser = Annotated[int, Depends(current_user)]
