"""What can go wrong in the community."""

from daybook.errors import InvalidInput, NotFound


class ArticleNotFound(NotFound):
    """No article has this id, or, where it is to be changed, none of yours."""

    code = "article-not-found"
    title = "Article not found"
    detail = "There is no article with this id."


class CommentNotFound(NotFound):
    """No comment has this id, or, where it is to be changed, none of yours."""

    code = "comment-not-found"
    title = "Comment not found"
    detail = "There is no comment with this id."


class NothingToPublish(InvalidInput):
    """No saved link of yours has the tag that was to be published."""

    code = "nothing-to-publish"
    title = "Nothing to publish"
    detail = "None of your links has this tag."


class TooMuchToPublish(InvalidInput):
    """More of your links have the tag than one article holds. Choose some of them by `contentIds` instead."""

    code = "too-much-to-publish"
    title = "Too many links for one article"
