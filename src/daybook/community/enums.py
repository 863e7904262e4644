"""The enumerations of the community."""

from enum import StrEnum


class Feed(StrEnum):
    """An order in which articles are shown."""

    NEWEST = "newest"
    POPULAR = "popular"
    """By downloads."""
    HOT = "hot"
    """By votes and downloads, the more recent the better."""
    UPVOTE = "upvote"
    """By votes."""
    RANDOM = "random"


class TopicOrder(StrEnum):
    """An order in which topics are shown."""

    POPULAR = "popular"
    """By how many articles have them."""
    NEWEST = "newest"
    """By the latest article that has them."""
    NAME = "name"


class Opinion(StrEnum):
    """A vote on a comment."""

    UP = "up"
    DOWN = "down"
