"""The tables of accounts: people, the ways they sign in, and what they sign in with."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, SmallInteger, String, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from daybook.database.base import Base, BigIntId, CreatedAt, Timestamped


def owner(*, index: bool = False) -> Mapped[int]:
    """Return the column of a row's owner, who takes the row along when the account is deleted.

    `index` is for tables in which no other index begins with the owner: every foreign key has one.
    """
    return mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), index=index)


class User(Timestamped, Base):
    """A person. It has no collections: what a person owns is found by its `user_id`."""

    __tablename__ = "users"

    id: Mapped[BigIntId]
    user_key: Mapped[str] = mapped_column(unique=True)
    """The identity that a mini-app or device hands over."""
    email: Mapped[str | None]
    username: Mapped[str]
    password_hash: Mapped[str | None]
    """None for who signs in through OpenID Connect only."""
    profile_image: Mapped[str | None]
    locale: Mapped[str | None]
    timezone: Mapped[str]
    """IANA name; says which day it is for this person."""
    gender: Mapped[str | None]
    age_range: Mapped[str | None]
    is_premium: Mapped[bool] = mapped_column(server_default=text("false"))

    __table_args__ = (Index("uq_users_email", func.lower(text("email")), unique=True),)


class Identity(Base):
    """One way of a person to sign in through an OpenID Connect provider."""

    __tablename__ = "identities"

    provider: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    """The verified `sub`."""
    user_id: Mapped[int] = owner(index=True)
    created_at: Mapped[CreatedAt]


class RefreshToken(Base):
    """One refresh token. The tokens of one sign-in are a family, in which one at a time is unused."""

    __tablename__ = "sessions"

    id: Mapped[BigIntId]
    user_id: Mapped[int] = owner(index=True)
    family: Mapped[UUID] = mapped_column(index=True)
    """What a client sees as the session's id."""
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256; the token itself is random, so that no slow hash is needed."""
    user_agent: Mapped[str | None] = mapped_column(String(300))
    started_at: Mapped[datetime]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class APIToken(Base):
    """A personal token for scripts."""

    __tablename__ = "api_tokens"

    id: Mapped[BigIntId]
    user_id: Mapped[int] = owner(index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    """Its first characters, by which its owner recognises it."""
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String))
    created_at: Mapped[CreatedAt]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class SignInFailures(Base):
    """How often signing in failed lately, for one account or from one address."""

    __tablename__ = "sign_in_failures"

    bucket: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of what is counted, so that no address or email is kept."""
    failures: Mapped[int]
    since: Mapped[datetime] = mapped_column(index=True)


class IdempotencyKey(Base):
    """The first answer to a request that its client may repeat."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the method, the path and the body."""
    status: Mapped[int] = mapped_column(SmallInteger)
    response: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
