"""The caller of a request, and what it may do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Scope(StrEnum):
    """What a token may be used for."""

    ACCOUNT_READ = "account:read"
    ACCOUNT_WRITE = "account:write"
    DIARY_READ = "diary:read"
    DIARY_WRITE = "diary:write"
    LIBRARY_READ = "library:read"
    LIBRARY_WRITE = "library:write"
    COMMUNITY_READ = "community:read"
    COMMUNITY_WRITE = "community:write"


DESCRIPTIONS = {
    Scope.ACCOUNT_READ: "Read your profile",
    Scope.ACCOUNT_WRITE: "Change your account, its sessions and API tokens (not available to API tokens)",
    Scope.DIARY_READ: "Read your meals, exercise and photos",
    Scope.DIARY_WRITE: "Log meals and exercise, and have photos analyzed",
    Scope.LIBRARY_READ: "Read your saved links and tags",
    Scope.LIBRARY_WRITE: "Save, change, import and tag links",
    Scope.COMMUNITY_READ: "Read articles and comments",
    Scope.COMMUNITY_WRITE: "Publish articles, comment and vote",
}

ALL_SCOPES = frozenset(Scope)
GRANTABLE_SCOPES = ALL_SCOPES - {Scope.ACCOUNT_WRITE}
"""What an API token may have: with account:write it could create others that may do more and last longer."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The user whom a token stands for. The `user_id` is the owner in every statement of the request."""

    user_id: int
    scopes: frozenset[Scope]
    session: UUID | None
    """The session (family of refresh tokens) that the token belongs to; None for an API token."""


@dataclass(frozen=True, slots=True)
class SignedInCaller(Caller):
    """The caller of a route that changes the account: their session was alive when the request came."""

    signed_in_at: datetime
