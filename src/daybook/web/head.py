"""HEAD is answered as GET is, without the body (RFC 9110, 9.3.2)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """ASGI middleware: has the application answer GET, passes the headers on, and ends it before it streams a body.

    It belongs innermost, so that logs and traces are of HEAD, and of a request that ended well.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_headers(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
                return
            await send({"type": "http.response.body"})
            if message.get("more_body", False):
                raise _Answered

        # ASGI 2.4: `send` raises when nobody reads on. Starlette then streams without a task of its own to watch for
        # that, and a stream that is ended closes at once, not when the garbage collector comes by.
        get = {**scope, "method": "GET", "asgi": {**scope["asgi"], "spec_version": "2.4"}}
        try:
            await self.app(get, receive, send_headers)
        except* _Answered:
            pass
        finally:
            scope.update(get, method="HEAD", asgi=scope["asgi"])  # the route that was found, for logs and traces


class _Answered(Exception):
    """Thrown into an application that streams. Not OSError, as for a client that is gone: that may be the database."""
