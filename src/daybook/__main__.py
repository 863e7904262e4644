"""`python -m daybook`: serve, by the settings of the environment."""

import sys

import uvicorn
from pydantic import ValidationError

from daybook.settings import Settings


def main() -> int:
    """Serve until stopped. Returns 2, with a sentence for each fault, when a setting is wrong."""
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            where = ".".join(str(part) for part in problem["loc"]) or "settings"
            print(f"{where}: {problem['msg']}", file=sys.stderr)  # noqa: T201 - there is no log yet
        return 2
    uvicorn.run(
        "daybook.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=30,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
