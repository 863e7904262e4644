"""What can go wrong in a library, each failure with its own code."""

from daybook.errors import Conflict, InvalidInput, NotFound, UpstreamFailed, UpstreamTimeout


class ContentNotFound(NotFound):
    """None of the caller's contents has this id or address."""

    code = "content-not-found"
    title = "You have no such content"


class URLTaken(Conflict):
    """Another content of the caller's has this address already."""

    code = "url-taken"
    title = "Another of your contents has this address"


class ImportNotFound(NotFound):
    """None of the caller's imports has this id."""

    code = "import-not-found"
    title = "You have no such import"


class ImportUnreadable(InvalidInput):
    """The file is not in a format that can be imported, or is broken in a way that nothing of it can be read."""

    code = "import-unreadable"
    title = "This file cannot be imported"


class PageRefused(InvalidInput):
    """The address is not one that Daybook asks: http and https on public addresses only, whatever a name or a
    redirect leads to."""

    code = "page-refused"
    title = "This address is not fetched"


class PageUnreadable(InvalidInput):
    """What the address holds is not an HTML page, or more of it than is read."""

    code = "page-unreadable"
    title = "There is no page to read at this address"


class PageUnreachable(UpstreamFailed):
    """The page's server could not be reached, or answered with an error of its own."""

    code = "page-unreachable"
    title = "The page could not be fetched"


class PageTimeout(UpstreamTimeout):
    """The page's server did not answer in time."""

    code = "page-timeout"
    title = "The page took too long"
