"""The enumerations of the library, the same in the database and on the wire."""

from enum import StrEnum


class ContentType(StrEnum):
    """What a saved link leads to: something to watch, or something to read."""

    VIDEO = "video"
    POST = "post"


class ImportStatus(StrEnum):
    """The state of an import."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
