"""How accounts are read: response schemas over the tables, each compiled to one statement at import."""

from sqlalchemy import BigInteger, DateTime, bindparam

from daybook.accounts.models import APIToken, RefreshToken, User
from daybook.accounts.schemas import APITokenRead, SessionRead, UserRead
from daybook.database.projection import Projection

USER_ID = bindparam("user_id", type_=BigInteger)
NOW = bindparam("now", type_=DateTime(timezone=True))

ACCOUNT = Projection(UserRead, User, where=[User.id == USER_ID])
SESSIONS = Projection(
    SessionRead,
    RefreshToken,
    where=[
        RefreshToken.user_id == USER_ID,
        RefreshToken.used_at.is_(None),
        RefreshToken.revoked_at.is_(None),
        RefreshToken.expires_at > NOW,
    ],
    order_by=[RefreshToken.issued_at.desc(), RefreshToken.id.desc()],
    pages=False,
)
"""The unused token of each sign-in, the latest used first; `current_session` is the one that asks."""
API_TOKENS = Projection(
    APITokenRead, APIToken, where=[APIToken.user_id == USER_ID], order_by=[APIToken.id.desc()], pages=False
)
"""The newest first."""
