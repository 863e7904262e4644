"""The library over HTTP."""

from daybook.library.router import contents, exchange, lists

routers = (lists.router, exchange.router, contents.router)
"""The fixed paths come first: `/contents/bookmarks` is no content's id."""
