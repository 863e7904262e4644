"""What can go wrong with tags."""

from daybook.errors import Conflict, NotFound


class TagNotFound(NotFound):
    """None of the caller's tags has this id."""

    code = "tag-not-found"
    title = "You have no such tag"


class TagNameTaken(Conflict):
    """Another tag of the caller's has this name already; letter case and width make no difference. Merge the two."""

    code = "tag-name-taken"
    title = "Another of your tags has this name"
