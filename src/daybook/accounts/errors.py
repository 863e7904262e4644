"""What can go wrong with an account."""

from daybook.errors import Conflict, Forbidden, InvalidInput, NotFound, RateLimited, Unauthenticated, Unavailable


class AccountExists(Conflict):
    """Another account has this email address or user key."""

    code = "account-exists"
    title = "Account already exists"


class RegistrationClosed(Forbidden):
    """This server takes no new accounts."""

    code = "registration-closed"
    title = "No new accounts"
    detail = "This server takes no new accounts."


class InvitationNeeded(Forbidden):
    """This server takes new accounts by invitation only. Whoever hosts it can invite you, once for each account."""

    code = "invitation-needed"
    title = "An invitation is needed"
    detail = "This server takes new accounts by invitation only."


class TooManyRegistrations(RateLimited):
    """Too many accounts have been asked for from this network. Wait for `Retry-After`."""

    code = "too-many-registrations"
    title = "Too many registrations"
    detail = "Too many accounts have been asked for from your network. Wait before you try again."


class WrongCredentials(Unauthenticated):
    """The email address or the password is wrong. Which of the two is not told, on purpose."""

    code = "wrong-credentials"
    title = "Wrong email address or password"
    detail = "There is no account with this email address and password."


class WrongPassword(Forbidden):
    """The `currentPassword` is not the password of this account. It counts as a failed sign-in."""

    code = "wrong-password"
    title = "The current password is wrong"


class ConfirmationNeeded(Forbidden):
    """This needs the password, or a sign-in of the last five minutes.

    Send `currentPassword`, or sign in again and repeat the request with the new access token: a token that was stolen
    is not enough for it.
    """

    code = "confirmation-needed"
    title = "Confirm that it is you"
    detail = "Send currentPassword, or sign in again and repeat this with the new access token within five minutes."


class SessionEnded(Unauthenticated):
    """The session of this access token has been ended. Sign in again."""

    code = "session-ended"
    title = "The session has ended"
    detail = "The session of this access token has been ended. Sign in again."


class TooManyAttempts(RateLimited):
    """Signing in to this account, or from this network address, has failed too often. Wait for `Retry-After`."""

    code = "too-many-attempts"
    title = "Too many failed sign-ins"
    detail = "Too many sign-ins have failed. Wait before you try again."


class InvalidRefreshToken(Unauthenticated):
    """The refresh token is unknown, expired, revoked or was used before. Sign in again."""

    code = "invalid-refresh-token"
    title = "Invalid refresh token"
    detail = "The refresh token is unknown, expired or revoked. Sign in again."


class UnknownProvider(InvalidInput):
    """No OpenID Connect provider of this name is configured."""

    code = "unknown-provider"
    title = "Unknown sign-in provider"


class InvalidIDToken(Unauthenticated):
    """The ID token is invalid: it was not issued by the provider for Daybook, has expired, or was changed."""

    code = "invalid-id-token"
    title = "Invalid ID token"


class ProviderUnavailable(Unavailable):
    """The provider's signing keys cannot be fetched at the moment."""

    code = "provider-unavailable"
    title = "Sign-in provider unavailable"


class SessionNotFound(NotFound):
    """None of your sessions has this id, or it has ended already."""

    code = "session-not-found"
    title = "Session not found"
    detail = "None of your sessions has this id."


class APITokenNotFound(NotFound):
    """None of your API tokens has this id."""

    code = "api-token-not-found"
    title = "API token not found"
    detail = "None of your API tokens has this id."
