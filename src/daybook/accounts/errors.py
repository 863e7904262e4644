"""What can go wrong with an account, as a client is told of it."""

from daybook.errors import Conflict, InvalidInput, NotFound, RateLimited, Unauthenticated, Unavailable


class AccountExists(Conflict):
    """The email or the user key is another account's already."""

    code = "account-exists"
    title = "There is such an account already"


class WrongCredentials(Unauthenticated):
    """Unknown email or wrong password: the two look alike on purpose."""

    code = "wrong-credentials"
    title = "Email or password is wrong"


class TooManyAttempts(RateLimited):
    """Too many failed sign-ins for this account or from this address."""

    code = "too-many-attempts"
    title = "Too many failed sign-ins"


class InvalidRefreshToken(Unauthenticated):
    """The refresh token is unknown, expired, revoked or was used before."""

    code = "invalid-refresh-token"
    title = "This refresh token is not good any more"


class UnknownProvider(InvalidInput):
    """No OpenID Connect provider of that name is configured."""

    code = "unknown-provider"
    title = "There is no such sign-in provider"


class InvalidIDToken(Unauthenticated):
    """The ID token is not one that the provider made for Daybook, or it is no longer valid."""

    code = "invalid-id-token"
    title = "This ID token cannot be accepted"


class ProviderUnavailable(Unavailable):
    """The provider's keys could not be fetched."""

    code = "provider-unavailable"
    title = "The sign-in provider cannot be reached"


class SessionNotFound(NotFound):
    """No such signed-in session among the caller's own."""

    code = "session-not-found"
    title = "There is no such session"


class APITokenNotFound(NotFound):
    """No such API token among the caller's own."""

    code = "api-token-not-found"
    title = "There is no such API token"
