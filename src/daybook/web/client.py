"""Which network address a request comes from."""

import logging

from fastapi import Request

log = logging.getLogger(__name__)

_warned: list[str] = []
"""The peer that was warned of: once in a process is enough to be found in the log."""


def client_address(request: Request) -> str:
    """Return the address that failed sign-ins are counted by; empty when there is none.

    uvicorn has already put in the place of the peer what a trusted proxy reports. With `*` it takes the leftmost
    address of X-Forwarded-For, which is whatever the client has sent; here it is the last one, which the peer has seen.
    """
    peer = request.client.host if request.client else ""
    reported = ",".join(request.headers.getlist("x-forwarded-for"))
    if request.state.settings.forwarded_allow_ips == "*":
        return _without_port(reported.rpartition(",")[2].strip()) if reported else peer
    if (reported or "forwarded" in request.headers) and peer not in reported and not _warned:
        _warned.append(peer)
        log.warning(
            "%s sends a forwarded address and is not believed: everybody behind it counts as one. If it is your proxy, "
            "name it in DAYBOOK_FORWARDED_ALLOW_IPS, and have it send X-Forwarded-For.",
            peer,
        )
    return peer


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host
