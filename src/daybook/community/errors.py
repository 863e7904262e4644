"""What can go wrong in the community, each failure with its own code."""

from daybook.errors import InvalidInput, NotFound


class ArticleNotFound(NotFound):
    """There is no article with this id, or it is not the caller's to change."""

    code = "article-not-found"
    title = "There is no such article"


class CommentNotFound(NotFound):
    """There is no comment with this id, or it is not the caller's to change."""

    code = "comment-not-found"
    title = "There is no such comment"


class NothingToPublish(InvalidInput):
    """None of the caller's contents has the tag that was to be published."""

    code = "nothing-to-publish"
    title = "There is nothing under this tag"


class TooMuchToPublish(InvalidInput):
    """More contents have the tag than one article holds; some of them can be chosen instead, by their ids."""

    code = "too-much-to-publish"
    title = "This is more than one article holds"
