"""`python -m benchmarks.contenders NAME`: serve one of them, one worker, as the application itself is served.

The port is printed first. DATABASE_URL, DAYBOOK_SECRET_KEY and, for its core, BENCH_CORE come from the environment.
"""

import os
import socket
import sys

import uvicorn

from benchmarks import node
from benchmarks.contenders import NAMES


def main(name: str) -> None:
    """Serve until terminated."""
    core = os.environ.get("BENCH_CORE")
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})
    if name in node.WAYS:
        node.serve(name)
    factory = name == "daybook"
    target = "daybook.app:create_app" if factory else f"benchmarks.contenders.{name}:app"
    config = uvicorn.Config(
        target,
        factory=factory,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        http="daybook.web.protocol:BoundedProtocol" if factory else "auto",
        limit_concurrency=1000 if factory else None,
        # A contender that builds 300 entities for each of many clients does not look at a socket for seconds.
        timeout_keep_alive=60,
    )
    # Of a socket whose protocol is not named, asyncio would not know that it may turn Nagle's delays off.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in NAMES:
        main(sys.argv[1])
    else:
        sys.exit(f"one of {', '.join(NAMES)}, please")
