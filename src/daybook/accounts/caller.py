"""Who is asking, and what they may do."""

from dataclasses import dataclass
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
    Scope.ACCOUNT_WRITE: "Change your account, its sessions and tokens (signed-in people only)",
    Scope.DIARY_READ: "Read your meals, exercise and photos",
    Scope.DIARY_WRITE: "Log meals and exercise, and ask the model about photos",
    Scope.LIBRARY_READ: "Read your saved links and tags",
    Scope.LIBRARY_WRITE: "Save, change, import and tag links",
    Scope.COMMUNITY_READ: "Read what people have published",
    Scope.COMMUNITY_WRITE: "Publish articles, comment and vote",
}

ALL_SCOPES = frozenset(Scope)
GRANTABLE_SCOPES = ALL_SCOPES - {Scope.ACCOUNT_WRITE}
"""What an API token may have: with account:write it could make itself others that may do more and last longer."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever a token speaks for. The `user_id` is the owner in every statement of the request."""

    user_id: int
    scopes: frozenset[Scope]
    session: UUID | None
    """The sign-in (family of refresh tokens) that the token comes from; None for an API token."""
