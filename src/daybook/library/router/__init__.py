"""The library over HTTP."""

from daybook.library.router import contents, lists

routers = (lists.router, contents.router)
"""The fixed paths come first: `/contents/bookmarks` is no content's id."""
