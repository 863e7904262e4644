"""The bound on the steps of requests holds for all that a request does on the event loop."""

import asyncio
from time import thread_time

import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.fixtures.steps import LONGEST, no_long_steps, timed


def work() -> None:
    """Take more processor time than a step may."""
    started = thread_time()
    while thread_time() - started < 1.5 * LONGEST:
        pass


async def at_once(_scope: Scope, _receive: Receive, _send: Send) -> None:
    work()


async def after_waiting(_scope: Scope, _receive: Receive, _send: Send) -> None:
    await asyncio.sleep(0)
    work()


async def in_a_task(_scope: Scope, _receive: Receive, _send: Send) -> None:
    async def later() -> None:
        work()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(later())


async def handling_an_error(_scope: Scope, _receive: Receive, _send: Send) -> None:
    try:
        async with asyncio.timeout(0):
            await asyncio.sleep(10)
    except TimeoutError:
        work()


async def in_a_thread(_scope: Scope, _receive: Receive, _send: Send) -> None:
    await asyncio.to_thread(work)


async def receive() -> Message:
    return {"type": "http.disconnect"}


async def send(_message: Message) -> None:
    pass


@pytest.mark.parametrize("app", [at_once, after_waiting, in_a_task, handling_an_error])
async def test_a_long_step_is_told(app: object) -> None:
    with pytest.raises(AssertionError, match=r"GET /slow for \d+ ms"), no_long_steps():
        await timed(app)({"type": "http", "method": "GET", "path": "/slow"}, receive, send)  # type: ignore[arg-type]  # one of the above


async def test_work_in_a_thread_is_none() -> None:
    with no_long_steps():
        await timed(in_a_thread)({"type": "http", "method": "GET", "path": "/slow"}, receive, send)
