"""What can go wrong with tags."""

from daybook.errors import Conflict, NotFound


class TagNotFound(NotFound):
    """None of your tags has this id."""

    code = "tag-not-found"
    title = "Tag not found"
    detail = "None of your tags has this id."


class TagNameTaken(Conflict):
    """Another of your tags has this name; letter case and width make no difference. Merge the two instead."""

    code = "tag-name-taken"
    title = "Tag name already in use"
    detail = "Another of your tags has this name; merge the two instead."
