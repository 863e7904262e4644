"""The library over HTTP."""

from daybook.library.router import contents, import_export, lists

routers = (lists.router, import_export.router, contents.router)
"""Fixed paths come first, because `/contents/{content_id}` matches `/contents/bookmarks` as well."""
