"""The errors that Daybook's rules raise, each with the HTTP answer it becomes.

Services raise these and know nothing of HTTP; web/problem.py turns them into RFC 9457 problem details. The
few classes here stand for a status each. A feature's errors.py subclasses them where a client should be able
to tell one failure from another by `code`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, named as on the wire: `FieldError(("contentIds", 3), "...")`."""

    path: tuple[str | int, ...]
    message: str


class DaybookError(Exception):
    """A failure that a client is told of.

    `code` names the kind of problem (it becomes the problem's `type`), `title` says it in a few words that
    are the same each time, and `detail` is a sentence about this occurrence: the class's own where there is
    nothing more to say. None of them may hold a secret or another person's data.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong on the server"
    detail: str = "Something went wrong on the server."

    def __init_subclass__(cls) -> None:
        """Without a sentence of its own, a class says its title."""
        if "title" in cls.__dict__ and "detail" not in cls.__dict__:
            cls.detail = f"{cls.title}."

    def __init__(
        self, detail: str | None = None, *, errors: Sequence[FieldError] = (), retry_after: int | None = None
    ) -> None:
        """`retry_after` is in seconds."""
        if detail is not None:
            self.detail = detail
        super().__init__(self.detail)
        self.errors = errors
        self.retry_after = retry_after


class InvalidInput(DaybookError):
    """What was sent cannot be used as it is."""

    status = 422
    code = "invalid-input"
    title = "The request holds values that cannot be used"


class InvalidCursor(InvalidInput):
    """A cursor is not one that this list gave."""

    code = "invalid-cursor"
    title = "The cursor is not one that this list gave"
    detail = "The cursor is not one that this list gave. Leave it out, or pass `nextCursor` of a page on unchanged."


class MalformedRequest(DaybookError):
    """What was sent cannot be read at all."""

    status = 400
    code = "malformed-request"
    title = "The request could not be read"


class Unauthenticated(DaybookError):
    """Nobody is signed in, or the token is not (or no longer) good."""

    status = 401
    code = "unauthenticated"
    title = "Sign in first"


class AccountDeleted(Unauthenticated):
    """The account of this token has been deleted."""

    detail = "The account of this token has been deleted."


class Forbidden(DaybookError):
    """The caller is known, and may not do this."""

    status = 403
    code = "forbidden"
    title = "This token may not do that"


class NotFound(DaybookError):
    """There is no such thing, or it is another person's: the two look alike on purpose."""

    status = 404
    code = "not-found"
    title = "There is no such thing here"


class MethodNotAllowed(DaybookError):
    """There is something at this path, but it does not answer this method; `Allow` names those that it does."""

    status = 405
    code = "method-not-allowed"
    title = "This path does not answer that method"


class RequestTimeout(DaybookError):
    """The request's body did not arrive in time."""

    status = 408
    code = "request-timeout"
    title = "The request did not arrive in time"


class Conflict(DaybookError):
    """The request contradicts what is stored."""

    status = 409
    code = "conflict"
    title = "This contradicts what is stored"


class TooLarge(DaybookError):
    """What was sent is larger than Daybook takes."""

    status = 413
    code = "too-large"
    title = "This is larger than what is accepted"


class HeadTooLarge(DaybookError):
    """The request line and the headers together are larger than what is accepted."""

    status = 431
    code = "head-too-large"
    title = "The head of the request is too large"


class HeadTooSlow(DaybookError):
    """The request line and the headers did not arrive in time."""

    status = 408
    code = "head-too-slow"
    title = "The head of the request took too long"


class RateLimited(DaybookError):
    """Asked too often; `retry_after` says when to ask again."""

    status = 429
    code = "rate-limited"
    title = "Too many requests"


class UpstreamFailed(DaybookError):
    """A service that Daybook asked for the answer gave none that can be used."""

    status = 502
    code = "upstream-failed"
    title = "A service that Daybook depends on failed"


class Unavailable(DaybookError):
    """The database, or something else that is needed, is away for the moment; asking again is right."""

    status = 503
    code = "unavailable"
    title = "Not available at the moment"


class UpstreamTimeout(DaybookError):
    """A service that Daybook asked did not answer in time."""

    status = 504
    code = "upstream-timeout"
    title = "A service that Daybook depends on did not answer in time"


class StorageFull(DaybookError):
    """There is no room left for what was sent."""

    status = 507
    code = "storage-full"
    title = "There is no room left to store this"
