"""What every answer says to browsers and caches, and the one Host that every request has to name."""

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daybook.errors import MalformedRequest
from daybook.web.problem import problem_response

Header = tuple[bytes, bytes]

_NOSNIFF: Header = (b"x-content-type-options", b"nosniff")
_NO_STORE: Header = (b"cache-control", b"no-store")
_HSTS: Header = (b"strict-transport-security", b"max-age=31536000")


class AnswerHeaders:
    """ASGI middleware: adds the headers that an answer does not set by itself.

    No answer is to be taken for another type than it says. What stands under /api is somebody's own, tokens among it,
    and not to be kept by anything in between (RFC 6749, 5.1; RFC 9111, 5.2.2.5); a route that may be cached says so.
    With `https_only`, browsers are told to come by HTTPS alone (RFC 6797). A request without a Host, or with two, is
    refused (RFC 9112, 3.2).
    """

    def __init__(self, app: ASGIApp, *, https_only: bool = False) -> None:
        self.app = app
        self._always = (_NOSNIFF, _HSTS) if https_only else (_NOSNIFF,)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        private = scope["path"].startswith("/api/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ())]
                names = {name.lower() for name, _ in headers}
                headers += [header for header in self._always if header[0] not in names]
                if private and _NO_STORE[0] not in names:
                    headers.append(_NO_STORE)
                message["headers"] = headers
            await send(message)

        if scope["http_version"] != "1.0" and _hosts(scope["headers"]) != 1:
            refusal = problem_response(MalformedRequest("A request names one host, in its Host header."))
            await refusal(scope, receive, send_with_headers)
        else:
            await self.app(scope, receive, send_with_headers)


def _hosts(headers: Sequence[Header]) -> int:
    return sum(name == b"host" for name, _ in headers)
