"""The tables of accounts: users, how they sign in, and their tokens."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Uuid,
    bindparam,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, column_property, mapped_column

from daybook.database.base import Base, BigIntId, CreatedAt, Timestamped
from daybook.database.secret import SecretBytes, SecretText


def owner(*, index: bool = False) -> Mapped[int]:
    """Return the column of a row's owner, with whose account the row is deleted.

    `index` is for tables in which no other index begins with the owner: every foreign key has an index.
    """
    return mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), index=index)


class User(Timestamped, Base):
    """A user. It has no collections: what a user owns is found by its `user_id`."""

    __tablename__ = "users"

    id: Mapped[BigIntId]
    user_key: Mapped[str] = mapped_column(unique=True)
    """The identity that a mini-app or device sends."""
    email: Mapped[str | None]
    username: Mapped[str]
    password_hash: Mapped[str | None] = mapped_column(SecretText)
    """None for a user who signs in through OpenID Connect only."""
    profile_image: Mapped[str | None]
    locale: Mapped[str | None]
    timezone: Mapped[str]
    """IANA name; decides which day it is for this user."""
    gender: Mapped[str | None]
    age_range: Mapped[str | None]
    is_premium: Mapped[bool] = mapped_column(server_default=text("false"))

    __table_args__ = (Index("uq_users_email", func.lower(text("email")), unique=True),)


class Identity(Base):
    """A user's identity at an OpenID Connect provider."""

    __tablename__ = "identities"

    provider: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    """The verified `sub`."""
    user_id: Mapped[int] = owner(index=True)
    created_at: Mapped[CreatedAt]


class RefreshToken(Base):
    """A refresh token. The tokens of a session are a family, of which one at a time is unused."""

    __tablename__ = "sessions"

    id: Mapped[BigIntId]
    user_id: Mapped[int] = owner(index=True)
    family: Mapped[UUID] = mapped_column(index=True)
    """The id of the session, as clients see it."""
    token_hash: Mapped[bytes] = mapped_column(SecretBytes, unique=True)
    """SHA-256; the token itself is random, so that no slow hash is needed."""
    user_agent: Mapped[str | None] = mapped_column(String(300))
    network: Mapped[bytes | None] = mapped_column(LargeBinary)
    """SHA-256 of the network from which the session was started (`guessing.network_of`)."""
    started_at: Mapped[datetime]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


# Whether it is the session that the statement's parameter `current_session` names.
RefreshToken.current = column_property(
    func.coalesce(RefreshToken.family == bindparam("current_session", type_=Uuid), false()),
    deferred=True,
    raiseload=True,
)


class APIToken(Base):
    """A personal token for scripts."""

    __tablename__ = "api_tokens"

    id: Mapped[BigIntId]
    user_id: Mapped[int] = owner(index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    """Its first characters, by which the owner recognizes it."""
    token_hash: Mapped[bytes] = mapped_column(SecretBytes, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String))
    created_at: Mapped[CreatedAt]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class Invitation(Base):
    """What lets somebody create one account where not everybody may."""

    __tablename__ = "invitations"

    token_hash: Mapped[bytes] = mapped_column(SecretBytes, primary_key=True)
    expires_at: Mapped[datetime]


class SignInFailures(Base):
    """How often signing in has failed lately, for an account or from a network; and how often a network registered."""

    __tablename__ = "sign_in_failures"

    bucket: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of the account or address, so that neither is stored."""
    failures: Mapped[int]
    since: Mapped[datetime] = mapped_column(index=True)


class IdempotencyKey(Base):
    """The first answer to a request that its client may send again."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the method, the path and the body."""
    status: Mapped[int] = mapped_column(SmallInteger)
    response: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
