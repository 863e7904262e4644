"""The library over HTTP."""

from daybook.library.router import contents, import_export, lists

routers = (lists.router, import_export.router, contents.router)
"""The fixed paths come first: `/contents/bookmarks` is no content's id."""
