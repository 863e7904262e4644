"""The community over HTTP."""

from daybook.community.router import articles, comments

routers = (articles.router, comments.router)
