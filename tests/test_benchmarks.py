"""The benchmark compares like with like: what is measured gives the same answers."""

import asyncio
import contextlib
import json
from collections.abc import Sequence

import pytest
from benchmarks import node
from benchmarks.contenders import NAMES
from benchmarks.pages import Pages
from benchmarks.rows import NEWCOMER, READER, WRITER, fill
from benchmarks.servers import Signer, new_database, serving


async def check(names: Sequence[str], server_url: str, database: str) -> None:
    signer = Signer()
    async with new_database(server_url, database) as url, contextlib.AsyncExitStack() as stack:
        rows = await fill(url, {READER: 302, WRITER: 0, NEWCOMER: 5}, links=[READER])
        contenders = await asyncio.gather(*(stack.enter_async_context(serving(name, url, signer)) for name in names))
        await Pages(rows, signer).check(contenders)


async def test_every_contender_in_python_serves_equal_json(server_url: str, worker_id: str) -> None:
    await check([name for name in NAMES if name not in node.WAYS], server_url, f"bench_{worker_id}")


async def test_the_contenders_on_node_serve_equal_json(server_url: str, worker_id: str) -> None:
    if not node.install():
        pytest.skip("Node is not installed")
    await check([*node.WAYS, "daybook"], server_url, f"bench_node_{worker_id}")


def test_the_lock_file_of_node_names_no_registry() -> None:
    lock = json.loads((node.FOLDER / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
