"""What can go wrong with a diary, as a client is told of it."""

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
    """No such log among the caller's own."""

    code = "log-not-found"
    title = "There is no such log"


class PhotoNotFound(NotFound):
    """No such photo among the caller's own."""

    code = "photo-not-found"
    title = "There is no such photo"


class LogIdTaken(Conflict):
    """The client-chosen id already names a log that says something else."""

    code = "log-id-taken"
    title = "Another log already has this id"


class BadPhoto(MalformedRequest):
    """The bytes are not a picture that can be read, whatever their declared type says."""

    code = "bad-photo"
    title = "This is not a photo that can be read"


class PhotoTooLarge(TooLarge):
    """Too many bytes or too many pixels; told before anything is decoded."""

    code = "photo-too-large"
    title = "This photo is too large"


class NothingRecognised(InvalidInput):
    """The model looked, and saw no food (or no exercise) in the photo."""

    code = "nothing-recognised"
    title = "There is nothing to log in this photo"


class AnalysisBudgetUsedUp(RateLimited):
    """The caller has asked the model as often as a day allows."""

    code = "analysis-budget-used-up"
    title = "No more analyses today"


class ModelRefused(UpstreamFailed):
    """The model blocked the photo, or answered with something that is not an analysis."""

    code = "model-refused"
    title = "The model gave no usable answer"


class ModelUnavailable(Unavailable):
    """The model is overloaded, its quota is used up, or it cannot be reached."""

    code = "model-unavailable"
    title = "The model is not available at the moment"


class ModelTimeout(UpstreamTimeout):
    """The model did not answer within the deadline."""

    code = "model-timeout"
    title = "The model did not answer in time"


class AnalysisNotFound(NotFound):
    """No such analysis among the caller's own."""

    code = "analysis-not-found"
    title = "There is no such analysis"
