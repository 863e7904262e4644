"""The contenders on Node: their packages, and how one is started."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

from sqlalchemy import make_url

WAYS = {"node": "rows", "node-json": "json"}
"""The module of each in contenders/node."""
FOLDER = Path(__file__).parent / "contenders" / "node"
INSTALLED = FOLDER / "node_modules" / ".package-lock.json"
"""npm's own record of what it installed last."""


def install() -> bool:
    """Install their packages by the lock file, unless that has been done, and return whether Node is here to run them.

    Raises CalledProcessError when npm cannot install them.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    if not INSTALLED.exists() or INSTALLED.stat().st_mtime < (FOLDER / "package-lock.json").stat().st_mtime:
        subprocess.run(["npm", "ci", "--silent"], cwd=FOLDER, check=True)
    return True


def serve(name: str) -> NoReturn:
    """Become the server of this name, which prints its port; PostgreSQL's address comes from DATABASE_URL."""
    url = make_url(os.environ["DATABASE_URL"])
    address = {
        "PGHOST": url.query.get("host") or url.host,
        "PGPORT": url.port and str(url.port),
        "PGDATABASE": url.database,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
    }
    known = {variable: str(value) for variable, value in address.items() if value}
    os.execvpe("node", ["node", str(FOLDER / "server.js"), WAYS[name]], os.environ | known)
