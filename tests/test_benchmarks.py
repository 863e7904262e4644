"""The benchmark compares like with like: what is measured gives the same answers."""

import asyncio
import contextlib

from benchmarks.contenders import NAMES
from benchmarks.pages import Pages
from benchmarks.rows import NEWCOMER, READER, WRITER, fill
from benchmarks.servers import Signer, new_database, serving


async def test_every_contender_serves_equal_json(server_url: str, worker_id: str) -> None:
    signer = Signer()
    async with new_database(server_url, f"bench_{worker_id}") as url, contextlib.AsyncExitStack() as stack:
        rows = await fill(url, {READER: 302, WRITER: 0, NEWCOMER: 5}, links=[READER])
        contenders = await asyncio.gather(*(stack.enter_async_context(serving(name, url, signer)) for name in NAMES))
        await Pages(rows, signer).check(contenders)
