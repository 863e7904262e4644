"""Off, it is not there; on, it stays small."""

import gc
import subprocess
import sys
import tracemalloc

from sqlalchemy import text

from daybook.tracing import Recorder
from daybook.tracing.history import KEPT, MOST_ROUTES
from daybook.tracing.trace import DETAILS
from tests.tracing.conftest import Traced

WITHOUT = """
import sys
from sqlalchemy.orm import Session
from daybook.database.pool import LeasingPool
from daybook.database.engine import open_database
from daybook.settings import Settings
database = open_database("postgresql+asyncpg://nobody@localhost/none", Settings(debug=False))
assert not [name for name in sys.modules if name.startswith("daybook.tracing")]
assert database.engine.sync_engine._has_events is False
assert type(database.engine.sync_engine.pool) is LeasingPool
assert type(database.write().sync_session) is Session
"""


def test_off_nothing_of_it_is_there() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_it_imports_nothing_of_the_application_around_it() -> None:
    alone = (
        "import sys, daybook.tracing; "
        "print([m for m in sys.modules if m.startswith('daybook.') and not m.startswith('daybook.tracing')])"
    )
    done = subprocess.run([sys.executable, "-c", alone], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_ten_thousand_statements_in_one_request_take_a_few_megabytes() -> None:
    recorder = Recorder()
    with recorder.trace("warm up"), recorder.driver_statement("SELECT 0"):
        pass
    gc.collect()
    tracemalloc.start()
    with recorder.trace("many") as trace:
        for number in range(10_000):
            with recorder.driver_statement(f"SELECT {number} AS column_{number}", [number]):
                pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert trace.count == 10_000
    assert len(trace.statements) == DETAILS
    assert peak < 5_000_000


async def test_ten_thousand_requests_keep_the_last_hundred() -> None:
    recorder = Recorder()
    size = {}
    tracemalloc.start()
    for number in range(10_000):
        with recorder.trace(f"route {number}"), recorder.driver_statement(f"SELECT {number}"):
            pass
        if number in {1_999, 9_999}:
            gc.collect()
            size[number] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(recorder.history.traces) == KEPT
    assert len(recorder.history.routes) == MOST_ROUTES
    assert size[9_999] < size[1_999] + 1_000_000


async def test_tracing_hears_its_engine_only_by_listeners_of_its_construction(traced: Traced) -> None:
    engine = traced.engine.sync_engine
    listeners = len(engine.dialect.dispatch.do_execute)
    with traced.recorder.trace("one"):
        async with traced.sessions() as session:
            await session.execute(text("SELECT 1"))
    assert len(engine.dialect.dispatch.do_execute) == listeners == 1
    assert not engine._has_events  # else each of its connections would be slower
