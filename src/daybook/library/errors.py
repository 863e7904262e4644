"""The errors of the library."""

from daybook.errors import Conflict, InvalidInput, NotFound, UpstreamFailed, UpstreamTimeout


class ContentNotFound(NotFound):
    """None of the caller's links has this id or address."""

    code = "content-not-found"
    title = "Link not found"
    detail = "None of your links has this id."


class URLTaken(Conflict):
    """Another of the caller's links leads to this page already."""

    code = "url-taken"
    title = "Address already saved"
    detail = "Another of your links has this address."


class ImportNotFound(NotFound):
    """None of the caller's imports has this id."""

    code = "import-not-found"
    title = "Import not found"
    detail = "None of your imports has this id."


class ImportUnreadable(InvalidInput):
    """The file is in none of the formats that can be imported, or so damaged that nothing of it can be read."""

    code = "import-unreadable"
    title = "File cannot be imported"


class PageRefused(InvalidInput):
    """The address is not one that Daybook fetches: only http and https on public addresses are, whatever a host name
    resolves to or a redirect leads to."""

    code = "page-refused"
    title = "Address not fetched"


class PageUnreadable(InvalidInput):
    """The address holds no HTML page, or one that cannot be decompressed."""

    code = "page-unreadable"
    title = "No readable page at this address"


class PageUnreachable(UpstreamFailed):
    """The page's server cannot be reached, or answered with an error of its own."""

    code = "page-unreachable"
    title = "Page could not be fetched"


class PageTimeout(UpstreamTimeout):
    """The page's server did not answer in time."""

    code = "page-timeout"
    title = "Page took too long"
