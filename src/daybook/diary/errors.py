"""The errors of the diary."""

from daybook.errors import (
    Conflict,
    InvalidInput,
    MalformedRequest,
    NotFound,
    RateLimited,
    TooLarge,
    Unavailable,
    UpstreamFailed,
    UpstreamTimeout,
)


class LogNotFound(NotFound):
    """None of the caller's logs has this id."""

    code = "log-not-found"
    title = "Log not found"
    detail = "None of your logs has this id."


class PhotoNotFound(NotFound):
    """None of the caller's photos has this id."""

    code = "photo-not-found"
    title = "Photo not found"
    detail = "None of your photos has this id."


class LogIdTaken(Conflict):
    """The id that the client chose belongs to a log with other values, or of another person."""

    code = "log-id-taken"
    title = "Log id already in use"
    detail = "Another log has this id already; choose a new UUIDv7 for a new log."


class BadPhoto(MalformedRequest):
    """The bytes are not a readable picture, whatever their declared type."""

    code = "bad-photo"
    title = "Unreadable photo"


class PhotoTooLarge(TooLarge):
    """The photo has too many bytes or pixels. It is refused before it is decoded."""

    code = "photo-too-large"
    title = "Photo too large"


class NothingRecognised(InvalidInput):
    """The model sees no food (or no exercise) in the photo."""

    code = "nothing-recognised"
    title = "Nothing to log in the photo"


class AnalysisBudgetUsedUp(RateLimited):
    """The caller has used all analyses of the day. Photos that were analyzed before are still answered."""

    code = "analysis-budget-used-up"
    title = "Daily limit of analyses reached"


class ServerBudgetUsedUp(RateLimited):
    """Everybody together has used all analyses of the day that whoever hosts this server pays for."""

    code = "server-analysis-budget-used-up"
    title = "This server's daily limit of analyses is reached"


class ModelRefused(UpstreamFailed):
    """The model refused the photo, or its answer is not an analysis."""

    code = "model-refused"
    title = "No usable answer from the model"


class ModelUnavailable(Unavailable):
    """The model is overloaded, out of quota, or cannot be reached. Retrying later may help."""

    code = "model-unavailable"
    title = "Model unavailable"


class ModelTimeout(UpstreamTimeout):
    """The model did not answer within the deadline."""

    code = "model-timeout"
    title = "Model timed out"


class AnalysisNotFound(NotFound):
    """None of the caller's analyses has this id."""

    code = "analysis-not-found"
    title = "Analysis not found"
    detail = "None of your analyses has this id."
