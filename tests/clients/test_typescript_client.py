"""A TypeScript client of the types that openapi-typescript generates: checked by tsc, and run against the server."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.server import Server
from tests.web.test_openapi import document

SOURCE = Path(__file__).with_name("typescript")
FILES = ("package.json", "package-lock.json", "tsconfig.json", "client.ts")

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="there is no Node.js with npm")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with what it needs, which comes from npm's registry or cache."""
    directory = tmp_path_factory.mktemp("typescript")
    for name in FILES:
        shutil.copy(SOURCE / name, directory)
    command = ["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0 and "CI" not in os.environ:
        pytest.skip(f"npm could not install what the lock file names: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    return directory


async def test_types_are_generated_checked_and_true(project: Path, server: Server) -> None:
    (project / "openapi.json").write_text(json.dumps(document()))
    await run(project, "node_modules/.bin/openapi-typescript", "openapi.json", "--output", "daybook.d.ts")
    await run(project, "node_modules/.bin/tsc")
    assert (await run(project, "node", "built/client.js", server.url)).startswith("changed ")


async def run(directory: Path, *command: str) -> str:
    """Return what a command writes; the server runs on this thread's event loop, so nothing may wait for it there."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=directory, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    return output


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((SOURCE / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
