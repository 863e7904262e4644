"""Tokens: access tokens are signed; refresh and API tokens are random, and looked up by their hash."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID

import jwt

from daybook.accounts.caller import ALL_SCOPES, Caller
from daybook.errors import Unauthenticated

ALGORITHM = "HS256"
ISSUER = "daybook"
# The prefix identifies a token that has leaked into a log or a repository.
API_TOKEN_PREFIX = "dbk_"
REFRESH_TOKEN_PREFIX = "dbr_"
INVITATION_PREFIX = "dbi_"
REMEMBERED = 10_000


class AccessTokens:
    """Signs access tokens, and tells whose they are without a query.

    Checking a signature costs more than everything else that precedes a small read's statement, so a valid token is
    remembered until it expires.
    """

    def __init__(self, key: str, lifetime: timedelta) -> None:
        self._key = key
        self.lifetime = lifetime
        self._verified: dict[str, tuple[Caller, float]] = {}

    def issue(self, user_id: int, session: UUID, now: datetime) -> str:
        """Return a token for a session of this user, valid for `lifetime`."""
        claims = {
            "iss": ISSUER,
            "sub": str(user_id),
            "sid": str(session),
            "iat": int(now.timestamp()),
            "exp": int((now + self.lifetime).timestamp()),
        }
        return jwt.encode(claims, self._key, ALGORITHM)

    def verify(self, token: str, now: datetime) -> Caller:
        """Return the caller; Unauthenticated when the token is not Daybook's, or has expired."""
        caller, expires_at = self._verified.get(token) or self._check(token)
        if now.timestamp() >= expires_at:
            self._verified.pop(token, None)
            raise Unauthenticated("The access token has expired; refresh it.")
        return caller

    def _check(self, token: str) -> tuple[Caller, float]:
        try:
            # The time is checked by `verify`, with the clock of the request.
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                options={"require": ["sub", "sid", "exp"], "verify_exp": False, "verify_iat": False},
            )
            caller = Caller(int(claims["sub"]), ALL_SCOPES, UUID(claims["sid"]))
            verified = caller, float(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
            raise Unauthenticated("The access token is not one of Daybook's.") from error
        if len(self._verified) >= REMEMBERED:
            self._verified.clear()
        self._verified[token] = verified
        return verified


class RefreshTokens:
    """Makes refresh tokens and their successors.

    A successor is derived from the token that it replaces, with a key, so that nobody else can derive it. A client that
    lost the answer and asks again therefore gets the same successor again: docs/decisions/0002-refresh-tokens.md.
    """

    def __init__(self, key: str, lifetime: timedelta, grace: timedelta) -> None:
        self._key = hashlib.sha256(b"refresh:" + key.encode()).digest()
        self.lifetime = lifetime
        self.grace = grace

    def first(self) -> str:
        """Return the first token of a family."""
        return REFRESH_TOKEN_PREFIX + secrets.token_urlsafe(32)

    def successor(self, token: str) -> str:
        """Return the token that replaces this one."""
        digest = hmac.digest(self._key, token.encode(), "sha256")
        return REFRESH_TOKEN_PREFIX + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def new_api_token() -> str:
    """Return a new API token."""
    return API_TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_invitation() -> str:
    """Return a new invitation."""
    return INVITATION_PREFIX + secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """Return the SHA-256 of a token, which is stored in its place. A random token needs no slow hash."""
    return hashlib.sha256(token.encode()).digest()
