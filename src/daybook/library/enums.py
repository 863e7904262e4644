"""The closed sets of words that a library uses, in the database and on the wire alike."""

from enum import StrEnum


class ContentType(StrEnum):
    """What a saved content is: something to watch, or something to read."""

    VIDEO = "video"
    POST = "post"


class ImportStatus(StrEnum):
    """How far an import has come."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
